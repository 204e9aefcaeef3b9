import { expect, test } from "bun:test";
import { countLoggedOomKills } from "./kernel-log.ts";

const LOG = `<6>[   12.000001] oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=container,mems_allowed=0,oom_memcg=/system.slice/wharf-a.scope/container,task_memcg=/system.slice/wharf-a.scope/container,task=dd,pid=516,uid=0
<3>[   12.000002] Memory cgroup out of memory: Killed process 516 (dd) total-vm:66816kB
<6>[   92.873254] oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/system.slice/wharf-b.scope,task=sh,pid=600,uid=0
`;

test("countLoggedOomKills() counts those of a group and below, from a time on", () => {
  expect(countLoggedOomKills(LOG, "/system.slice/wharf-a.scope", 0)).toBe(1);
  expect(countLoggedOomKills(LOG, "/system.slice/wharf-a.scope", 12.5)).toBe(0);
  expect(countLoggedOomKills(LOG, "/system.slice/wharf-b.scope", 90)).toBe(1);
  expect(countLoggedOomKills(LOG, "/system.slice/wharf", 0)).toBe(0);
  expect(countLoggedOomKills("", "/system.slice/wharf-a.scope", 0)).toBe(0);
});
