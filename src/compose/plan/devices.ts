import type { DeviceRequest, Service } from "#compose/model/project.ts";
import type { Json, JsonObject } from "./json.ts";

/** `vendor.com/class=name`. Source: Container Device Interface, SPEC.md, "CDI JSON Specification". */
const CDI_DEVICE = /^[A-Za-z][\w.-]*\/[A-Za-z][\w-]*=[A-Za-z0-9][\w.:-]*$/;

type Device = NonNullable<Service["devices"]>[number];

function isCdi({ source = "", target = source }: Device): boolean {
  return source === target && CDI_DEVICE.test(source);
}

/** Devices of the host by path. */
export function devicesOf({ devices }: Service): Json | undefined {
  const found = devices?.filter((device) => !isCdi(device));
  if (!found || found.length === 0) return undefined;
  return found.map(({ source = "", target = source, permissions = "rwm" }) => ({
    PathOnHost: source,
    PathInContainer: target,
    CgroupPermissions: permissions,
  }));
}

/** What a driver of devices finds: reservations, `gpus`, and devices by their CDI names. */
export function deviceRequestsOf({ deploy, gpus = [], devices = [] }: Service): Json | undefined {
  const cdi = devices.filter(isCdi).map(({ source = "" }) => source);
  const requests = [
    ...(deploy?.resources?.reservations?.devices ?? []).map(deviceRequest),
    ...gpus.map((request) => {
      const { capabilities = [] } = request;
      const isSaid = capabilities.includes("gpu");
      return deviceRequest({
        ...request,
        capabilities: isSaid ? capabilities : [...capabilities, "gpu"],
      });
    }),
    ...(cdi.length === 0
      ? []
      : [{ Driver: "cdi", Count: 0, DeviceIDs: cdi, Capabilities: null, Options: null }]),
  ];
  return requests.length === 0 ? undefined : requests;
}

/** Without a count and ids, all devices are meant. */
function deviceRequest({
  driver,
  device_ids,
  capabilities,
  options,
  count,
}: DeviceRequest): JsonObject {
  const isNamed = device_ids !== undefined && device_ids.length > 0;
  return {
    Driver: driver ?? "",
    Count: count ?? (isNamed ? 0 : -1),
    DeviceIDs: isNamed ? device_ids : null,
    Capabilities: [capabilities ?? []],
    Options: options ? Object.fromEntries(options) : null,
  };
}
