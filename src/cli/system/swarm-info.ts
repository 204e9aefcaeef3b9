import type { ClusterInfo, SwarmInfo, SystemInfo } from "@docker/node-sdk";
import { formatHumanDuration } from "#base/durations.ts";

/** The swarm's part of docker's `info`; one line for an engine that is in none. */
export function swarmInfoLines(info: SystemInfo): string[] {
  const swarm = info.Swarm ?? {};
  const state = swarm.LocalNodeState ?? "";
  const lines = [` Swarm: ${state}`];
  if (state === "" || state === "inactive" || state === "locked") return lines;
  lines.push(`  NodeID: ${swarm.NodeID ?? ""}`);
  if (swarm.Error) lines.push(`  Error: ${swarm.Error}`);
  lines.push(`  Is Manager: ${swarm.ControlAvailable ?? false}`);
  const isHealthy = swarm.ControlAvailable && !swarm.Error && state !== "error";
  if (swarm.Cluster && isHealthy) lines.push(...clusterLines(swarm, swarm.Cluster));
  lines.push(`  Node Address: ${swarm.NodeAddr ?? ""}`);
  const managers = (swarm.RemoteManagers ?? []).map((manager) => `   ${manager.Addr ?? ""}`).sort();
  if (managers.length > 0) lines.push("  Manager Addresses:", ...managers);
  return lines;
}

function clusterLines(swarm: SwarmInfo, cluster: ClusterInfo): string[] {
  const { Orchestration, Raft, Dispatcher, CAConfig, EncryptionConfig } = cluster.Spec ?? {};
  const pools = cluster.DefaultAddrPool ?? [];
  const raftSnapshots = Raft?.KeepOldSnapshots;
  const externalCas = CAConfig?.ExternalCAs ?? [];
  return [
    `  ClusterID: ${cluster.ID ?? ""}`,
    `  Managers: ${swarm.Managers ?? 0}`,
    `  Nodes: ${swarm.Nodes ?? 0}`,
    ...(pools.length > 0
      ? [`  Default Address Pool: ${pools.map((pool) => `${pool}  `).join("")}`]
      : []),
    ...(pools.length > 0 ? [`  SubnetSize: ${cluster.SubnetSize ?? 0}`] : []),
    ...(cluster.DataPathPort ? [`  Data Path Port: ${cluster.DataPathPort}`] : []),
    "  Orchestration:",
    `   Task History Retention Limit: ${Orchestration?.TaskHistoryRetentionLimit ?? 0}`,
    "  Raft:",
    `   Snapshot Interval: ${Raft?.SnapshotInterval ?? 0}`,
    ...(raftSnapshots === undefined
      ? []
      : [`   Number of Old Snapshots to Retain: ${raftSnapshots}`]),
    `   Heartbeat Tick: ${Raft?.HeartbeatTick ?? 0}`,
    `   Election Tick: ${Raft?.ElectionTick ?? 0}`,
    "  Dispatcher:",
    `   Heartbeat Period: ${fromNanoseconds(Dispatcher?.HeartbeatPeriod)}`,
    "  CA Configuration:",
    `   Expiry Duration: ${fromNanoseconds(CAConfig?.NodeCertExpiry)}`,
    `   Force Rotate: ${CAConfig?.ForceRotate ?? 0}`,
    ...(CAConfig?.SigningCACert
      ? [`   Signing CA Certificate: \n${CAConfig.SigningCACert.trim()}\n`]
      : []),
    ...(externalCas.length > 0 ? ["   External CAs:"] : []),
    ...externalCas.map((ca) => `     ${ca.Protocol ?? ""}: ${ca.URL ?? ""}`),
    `  Autolock Managers: ${EncryptionConfig?.AutoLockManagers ?? false}`,
    `  Root Rotation In Progress: ${cluster.RootRotationInProgress ?? false}`,
  ];
}

function fromNanoseconds(nanoseconds: number | undefined): string {
  return formatHumanDuration((nanoseconds ?? 0) / 1e6);
}
