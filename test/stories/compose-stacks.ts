// Applications as people run them, each in a folder of test/stacks: what there is when they are up, and what
// their own clients say of them.

/** Asks a stack for something until it is as expected. */
export interface StackCheck {
  readonly what: string;
  readonly ask: (running: RunningStack) => Promise<string>;
  readonly expected: RegExp;
}

/** A stack that is up. */
export interface RunningStack {
  readonly projectName: string;
  /** The docker CLI; resolves to its output, also when it fails. */
  readonly docker: (...args: readonly string[]) => Promise<string>;
}

export interface Stack {
  /** Of its folder. */
  readonly name: string;
  /** Other than the usual one, in their order. */
  readonly files?: readonly string[];
  readonly profiles?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** `service state`, for each container, sorted. */
  readonly states: readonly string[];
  readonly checks: readonly StackCheck[];
  /** Run in every `npm test`; the others in the long one. */
  readonly isUsual?: boolean;
}

const containerOf = ({ projectName }: RunningStack, service: string, number = 1): string =>
  `${projectName}-${service}-${number}`;

function exec(service: string, command: string, expected: RegExp): StackCheck {
  return {
    what: `${service}: ${command}`,
    ask: (running) => running.docker("exec", containerOf(running, service), "sh", "-c", command),
    expected,
  };
}

function log(service: string, expected: RegExp): StackCheck {
  return {
    what: `the log of ${service}`,
    ask: (running) => running.docker("logs", containerOf(running, service)),
    expected,
  };
}

function inspect(service: string, template: string, expected: RegExp): StackCheck {
  return {
    what: `${service}: ${template}`,
    ask: (running) => running.docker("inspect", "-f", template, containerOf(running, service)),
    expected,
  };
}

function http(service: string, port: number, expected: RegExp, number = 1): StackCheck {
  return {
    what: `${service}:${port} by HTTP`,
    ask: async (running) => {
      const shown = await running.docker("port", containerOf(running, service, number), `${port}`);
      const published = shown.split("\n")[0]?.split(":").at(-1) ?? "";
      try {
        const answer = await fetch(`http://127.0.0.1:${published}/`, {
          signal: AbortSignal.timeout(5000),
        });
        return `${answer.status} ${answer.headers.get("x-cache") ?? ""} ${await answer.text()}`;
      } catch (error) {
        return String(error);
      }
    },
    expected,
  };
}

const running = (...services: readonly string[]): readonly string[] =>
  services.map((service) => `${service} running`);
const ended = (...services: readonly string[]): readonly string[] =>
  services.map((service) => `${service} exited`);

export const STACKS: readonly Stack[] = [
  {
    name: "static-site",
    isUsual: true,
    states: running("web"),
    checks: [http("web", 80, /200 .*<h1>ahoy<\/h1>/)],
  },
  {
    name: "shop",
    isUsual: true,
    states: running("app", "cache", "db", "proxy"),
    checks: [
      http("proxy", 80, /200 .*orders \d+ visits \d+/),
      exec("db", "psql -h 127.0.0.1 -U postgres -tAc 'select count(*) > 0 from orders'", /^t$/m),
      exec("cache", "redis-cli get visits", /^\d+$/m),
    ],
  },
  {
    name: "monitoring",
    states: running("blackbox", "dashboard", "node", "scraper"),
    checks: [http("dashboard", 3000, /up\{job="blackbox"\} 1\s+up\{job="node"\} 1/)],
  },
  {
    name: "queue-workers",
    isUsual: true,
    states: [...ended("producer"), ...running("queue", "worker", "worker", "worker")],
    checks: [exec("queue", "redis-cli llen done; redis-cli llen todo", /^30\s+0$/m)],
  },
  {
    name: "profiles",
    profiles: ["debug"],
    isUsual: true,
    states: running("shell", "web"),
    checks: [exec("shell", "wget -qO- http://127.0.0.1/", /^page$/m)],
  },
  {
    name: "override",
    states: running("app"),
    checks: [
      log("app", /EXTRA=yes[^]*LEVEL=info[^]*MODE=development/),
      inspect("app", "{{.Config.Labels.tier}} {{.Config.Labels.reload}}", /^app on$/m),
      exec("app", "df /scratch", /tmpfs/),
    ],
  },
  {
    name: "secrets",
    env: { API_TOKEN: "from the environment" },
    states: running("client", "db"),
    checks: [
      exec(
        "client",
        "cat /run/secrets/password /run/secrets/api_token",
        /^hunter2\s+from the env/m,
      ),
      exec("client", "stat -c %a /run/secrets/api_token", /^400$/m),
      inspect("client", "{{json .Config.Env}}", /^(?![^]*from the environment)/),
    ],
  },
  {
    name: "configs",
    env: { MOTD: "good morning" },
    isUsual: true,
    states: running("app"),
    checks: [
      exec("app", "cat /whole", /"whole": true/),
      exec("app", "cat /etc/app/app.ini", /name = \S+\s+price = 5\$\s+region = north/),
      exec("app", "cat /etc/app/motd", /^good morning$/m),
    ],
  },
  {
    name: "multi-network",
    states: running("client", "db", "proxy"),
    checks: [
      exec("client", "nslookup -type=a www", /Name:\s+www/),
      exec("proxy", "nslookup -type=a db", /Name:\s+db/),
      exec("client", "nslookup -type=a db || echo unknown", /unknown/),
    ],
  },
  {
    name: "extends",
    states: running("base", "child"),
    checks: [
      log("child", /^child yes file$/m),
      exec("base", "cat /data/text; echo $ROLE", /^beside the file\s+base$/m),
      inspect("child", "{{.Config.Labels.level}} {{.Config.Labels.owner}}", /^child common$/m),
    ],
  },
  {
    name: "include",
    states: running("app", "cache"),
    checks: [
      exec("app", "redis-cli -h cache -p 6380 ping", /^PONG$/m),
      exec("cache", "cat /seed/text", /^seed$/m),
    ],
  },
  {
    name: "health-chain",
    states: running("first", "second", "third"),
    checks: [inspect("third", "{{.State.Health.Status}}", /^healthy$/m)],
  },
  {
    name: "migrations",
    states: [...running("app", "db"), ...ended("migrate")],
    checks: [log("app", /^barge\s+wharf$/m)],
  },
  {
    name: "scale",
    isUsual: true,
    states: running("client", "web", "web", "web"),
    checks: [
      exec("client", "nslookup -type=a web | grep -c '^Address: '", /^3$/m),
      http("web", 80, /^200 /),
      http("web", 80, /^200 /, 3),
    ],
  },
  {
    name: "hooks",
    isUsual: true,
    states: running("app"),
    checks: [exec("app", "cat /state/started; ls /state/second", /^hook\s+\/state\/second$/m)],
  },
  {
    name: "hardened",
    states: running("app"),
    checks: [
      exec("app", "cat /tmp/file; id -u; touch /file || echo refused", /scratch\s+1000[^]*refused/),
      exec("app", "grep CapEff /proc/self/status", /0000000000000000/),
    ],
  },
  {
    name: "volumes",
    states: running("heir", "reader", "writer"),
    checks: [
      exec("reader", "cat /data/file; touch /data/x || echo refused", /^kept[^]*refused/m),
      exec("heir", "cat /own/file", /^own$/m),
    ],
  },
  {
    name: "limits",
    states: running("new", "old"),
    checks: [
      inspect("new", "{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}}", /^50331648 500000000$/m),
      exec("new", "ulimit -n; ulimit -Hn", /^100\s+200$/m),
      inspect("old", "{{.HostConfig.Memory}} {{.HostConfig.ShmSize}}", /^33554432 8388608$/m),
    ],
  },
  {
    name: "env-files",
    env: { T_PASSED: "passed" },
    states: running("app"),
    checks: [
      log(
        "app",
        /T_BOTH=second\s+T_FIRST=first\s+T_OWN=own\s+T_PASSED=passed\s+T_QUOTED=two words\s+T_RAW=\$NOT "touched"\s+T_REF=first-again\s+T_SINGLE=\$T_FIRST/,
      ),
    ],
  },
  {
    name: "anchors",
    states: running("one", "two"),
    checks: [
      exec("one", "echo $SHARED $LEVEL", /^1 debug$/m),
      exec("two", "echo $SHARED $LEVEL", /^1 info$/m),
      inspect("one", "{{json .HostConfig.LogConfig.Config}}", /"max-size":"1m"/),
    ],
  },
  {
    name: "pipeline",
    isUsual: true,
    states: [...ended("extract", "load"), ...running("report"), ...ended("transform")],
    checks: [http("report", 80, /^200 .*55\s*$/)],
  },
  {
    name: "blue-green",
    env: { LIVE: "green" },
    states: running("blue", "green", "proxy"),
    checks: [http("proxy", 80, /^200 .*green/)],
  },
  {
    name: "sidecar",
    states: running("app", "proxy", "watcher"),
    checks: [
      http("app", 9090, /^200 .*inner/),
      exec("watcher", "ps", /httpd -f -p 127\.0\.0\.1:8080/),
    ],
  },
  {
    name: "replication",
    states: running("primary", "replica", "replica"),
    checks: [
      exec("primary", "redis-cli set ship wharf", /^OK$/m),
      exec("replica", "redis-cli get ship", /^wharf$/m),
      exec("primary", "redis-cli info replication", /connected_slaves:2/),
    ],
  },
  {
    name: "backup",
    states: [...ended("backup"), ...running("db"), ...ended("fill", "restore")],
    checks: [
      exec("db", "psql -h 127.0.0.1 -U postgres copy -tAc 'select sum(n) from t'", /^5050$/m),
    ],
  },
  {
    name: "proxy-cache",
    states: running("cache", "slow"),
    checks: [http("cache", 80, /^200 HIT slow/)],
  },
  {
    name: "logging",
    states: running("quiet", "talker"),
    checks: [
      log("talker", /^out$/m),
      inspect("quiet", "{{.HostConfig.LogConfig.Type}}", /^none$/m),
      inspect("talker", "{{json .HostConfig.LogConfig.Config}}", /"max-file":"3"/),
    ],
  },
  {
    name: "scheduler",
    states: [],
    checks: [
      inspect("tick", "{{gt .RestartCount 0}}", /^true$/m),
      inspect("stubborn", "{{.State.ExitCode}} {{.RestartCount}}", /^3 2$/m),
    ],
  },
  {
    name: "addresses",
    states: running("client", "server"),
    checks: [
      exec("client", "wget -qO- http://10.214.33.10/", /^chosen$/m),
      exec("client", "nslookup -type=a fileserver.", /10\.214\.33\.10/),
      exec("client", "cat /etc/hosts", /10\.214\.33\.1\s+router/),
      exec("server", "hostname -f 2>/dev/null; hostname", /srv/),
    ],
  },
  {
    name: "variables",
    isUsual: true,
    states: running("app"),
    checks: [
      log("app", /^hello to world$/m),
      exec("app", "echo $EMPTY $NESTED", /^default world$/m),
    ],
  },
  {
    name: "unix-socket",
    states: running("app", "cache"),
    checks: [exec("cache", "redis-cli -s /sockets/redis.sock get ship", /^wharf$/m)],
  },
  {
    name: "layers",
    files: ["base.yaml", "change.yaml", "remove.yaml"],
    states: running("app"),
    checks: [
      exec("app", "echo $A $B $C", /^base change change$/m),
      inspect("app", "{{json .HostConfig.PortBindings}}", /^\{"82\/tcp":/),
      exec("app", "df /data", /tmpfs/),
    ],
  },
];
