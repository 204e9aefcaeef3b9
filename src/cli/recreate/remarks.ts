import { joinedContainer } from "#spec/engine-api/host-config.ts";
import { hasOpenPaths } from "./host-flags.ts";
import { mountRemarks } from "./mount-flag.ts";
import type { Wish } from "./wish.ts";

/** What only the API can ask for, each as the object of "cannot say …". */
export function remarksOf(wish: Wish): readonly string[] {
  const { config, host, ownHostFields } = wish;
  const hasOwnPaths =
    !hasOpenPaths(host) &&
    ownHostFields.some((field) => field === "MaskedPaths" || field === "ReadonlyPaths");
  return [
    ...(config.NetworkDisabled ? ["NetworkDisabled"] : []),
    ...(config.Shell ? ["Shell"] : []),
    ...(config.OnBuild.length > 0 ? ["OnBuild"] : []),
    ...(host.Cgroup === "" ? [] : ["Cgroup"]),
    ...(hasOwnPaths ? ["MaskedPaths and ReadonlyPaths"] : []),
    ...host.Mounts.flatMap(mountRemarks),
    ...host.DeviceRequests.filter(({ Driver, Capabilities }) => {
      const isGpu = Capabilities.length === 1 && Capabilities[0]?.includes("gpu");
      return Driver !== "cdi" && !isGpu;
    }).map(({ Driver }) => `the device request of driver ${JSON.stringify(Driver)}`),
    ...(joinedContainer(host.NetworkMode) !== undefined && Object.keys(host.PortBindings).length > 0
      ? ["PortBindings"]
      : []),
  ];
}
