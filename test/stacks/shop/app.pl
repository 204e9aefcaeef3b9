use IO::Socket::INET;
my $server = IO::Socket::INET->new(LocalPort => 8000, Listen => 20, ReuseAddr => 1) or die $!;
system("psql -qh $ENV{DB_HOST} -U postgres -c 'create table if not exists orders (id serial)'");
while (my $client = $server->accept) {
  while (my $line = <$client>) { last if $line =~ /^\r?$/ }
  my $sql = "insert into orders default values; select count(*) from orders";
  my $orders = qx(psql -qtA -h $ENV{DB_HOST} -U postgres -c '$sql' 2>&1);
  my $visits = qx(redis-cli -h $ENV{CACHE_HOST} incr visits 2>&1);
  s/\s+$// for $orders, $visits;
  my $body = "orders $orders visits $visits\n";
  print $client "HTTP/1.0 200 OK\r\nContent-Length: ", length $body, "\r\n\r\n", $body;
  close $client;
}
