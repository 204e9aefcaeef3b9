# A volume driver for a managed plugin, by the host's perl: a folder a volume, with a tmpfs on it where its name begins with "t".
use strict; use IO::Socket::UNIX;
my $path = "/run/docker/plugins/keeper.sock"; unlink $path;
my $server = IO::Socket::UNIX->new(Local => $path, Listen => 16) or die "listen: $!";
print "listening as $ENV{WORD}\n"; $| = 1;
$SIG{TERM} = sub { exit 0 };
my $top = "/mnt/volumes";
while (my $c = $server->accept) {
  my $head = ""; while (defined(my $l = <$c>)) { last if $l =~ /^\r?\n$/; $head .= $l }
  my ($method) = $head =~ m{^POST /(\S+)}; my ($n) = $head =~ /content-length:\s*(\d+)/i; my $body = "";
  read($c, $body, $n) if $n; my ($name) = $body =~ /"Name":"([^"]*)"/; my $a = "{}";
  if ($method eq "Plugin.Activate") { $a = '{"Implements":["VolumeDriver"]}' }
  elsif ($method eq "VolumeDriver.Capabilities") { $a = '{"Capabilities":{"Scope":"local"}}' }
  elsif ($method eq "VolumeDriver.Create") { mkdir "$top/$name"; open my $f, ">", "$top/$name/word"; print $f "$ENV{WORD} @ARGV\n"; close $f }
  elsif ($method eq "VolumeDriver.Remove") { unlink glob "$top/$name/*"; rmdir "$top/$name" or $a = "{\"Err\":\"$!\"}" }
  elsif ($method eq "VolumeDriver.List") { $a = '{"Volumes":[' . join(",", map { s{.*/}{}; "{\"Name\":\"$_\",\"Mountpoint\":\"$top/$_\"}" } glob "$top/*") . ']}' }
  elsif ($method eq "VolumeDriver.Get") { $a = -d "$top/$name" ? "{\"Volume\":{\"Name\":\"$name\",\"Mountpoint\":\"$top/$name\"}}" : '{"Err":"no such volume"}' }
  elsif ($method eq "VolumeDriver.Unmount") { system "umount", "-l", "$top/$name" if $name =~ /^t/ }
  elsif ($method eq "VolumeDriver.Mount") {
    if ($name =~ /^t/) { system "mount", "-t", "tmpfs", "tmpfs", "$top/$name" }
    $a = "{\"Mountpoint\":\"$top/$name\"}"
  }
  elsif ($method =~ /Path$/) { $a = "{\"Mountpoint\":\"$top/$name\"}" }
  print $c "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: " . length($a) . "\r\n\r\n$a"; close $c;
}
