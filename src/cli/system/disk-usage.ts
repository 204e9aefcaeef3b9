import type {
  BuildCache,
  ContainerSummary,
  ImageSummary,
  SystemDataUsageResponse,
  Volume,
} from "@docker/node-sdk";

/** One kind's figures, from an engine of any API version. */
export interface UsageOf<Item> {
  readonly activeCount: number;
  readonly totalCount: number;
  readonly totalBytes: number;
  readonly reclaimableBytes: number;
  /** Empty where only sums were asked for. */
  readonly items: readonly Item[];
}

/** Bytes that are no image's, container's or volume's; only Wharf's engine tells them. */
export interface StorageFigures {
  readonly Logs: number;
  readonly Blobs: number;
  readonly Engine: number;
  readonly Pending: number;
  readonly Unowned: readonly { readonly Path: string; readonly Size: number }[];
}

export interface DiskUsageFigures {
  readonly images: UsageOf<ImageSummary>;
  readonly containers: UsageOf<ContainerSummary>;
  readonly volumes: UsageOf<Volume>;
  readonly buildCache: UsageOf<BuildCache>;
  readonly storage: StorageFigures | undefined;
}

interface Sums<Item> {
  readonly ActiveCount?: number;
  readonly TotalCount?: number;
  readonly TotalSize?: number;
  readonly Reclaimable?: number;
  readonly Items?: readonly Item[];
}

/** Answer of `GET /system/df`: sums since API 1.52, lists before. */
export interface DiskUsageAnswer extends SystemDataUsageResponse {
  readonly ImageUsage?: Sums<ImageSummary>;
  readonly ContainerUsage?: Sums<ContainerSummary>;
  readonly VolumeUsage?: Sums<Volume>;
  readonly BuildCacheUsage?: Sums<BuildCache>;
  readonly StorageUsage?: StorageFigures;
}

function fromSums<Item>(sums: Sums<Item> | undefined): UsageOf<Item> {
  return {
    activeCount: sums?.ActiveCount ?? 0,
    totalCount: sums?.TotalCount ?? 0,
    totalBytes: sums?.TotalSize ?? 0,
    reclaimableBytes: sums?.Reclaimable ?? 0,
    items: sums?.Items ?? [],
  };
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

/** Docker's own rule: what images share with each other is never told as used. */
function imagesOf(answer: DiskUsageAnswer): UsageOf<ImageSummary> {
  const items = answer.Images ?? [];
  const used = items.filter(({ Containers }) => Containers > 0);
  const known = used.filter(({ Size, SharedSize }) => Size !== -1 && SharedSize !== -1);
  const totalBytes = answer.LayersSize ?? 0;
  return {
    activeCount: used.length,
    totalCount: items.length,
    totalBytes,
    reclaimableBytes: totalBytes - total(known.map(({ Size, SharedSize }) => Size - SharedSize)),
    items,
  };
}

const ACTIVE_STATES: readonly string[] = ["running", "paused", "restarting"];

function containersOf(answer: DiskUsageAnswer): UsageOf<ContainerSummary> {
  const items = answer.Containers ?? [];
  const bytesOf = ({ SizeRw }: ContainerSummary): number => SizeRw ?? 0;
  const idle = items.filter(({ State }) => !ACTIVE_STATES.includes(State ?? ""));
  return {
    activeCount: items.length - idle.length,
    totalCount: items.length,
    totalBytes: total(items.map(bytesOf)),
    reclaimableBytes: total(idle.map(bytesOf)),
    items,
  };
}

function volumesOf(answer: DiskUsageAnswer): UsageOf<Volume> {
  const items = answer.Volumes ?? [];
  const bytesOf = ({ UsageData }: Volume): number => Math.max(UsageData?.Size ?? 0, 0);
  const isUsed = ({ UsageData }: Volume): boolean => (UsageData?.RefCount ?? 0) > 0;
  return {
    activeCount: items.filter(isUsed).length,
    totalCount: items.length,
    totalBytes: total(items.map(bytesOf)),
    reclaimableBytes: total(items.filter((item) => !isUsed(item)).map(bytesOf)),
    items,
  };
}

function buildCacheOf(answer: DiskUsageAnswer): UsageOf<BuildCache> {
  const items = answer.BuildCache ?? [];
  const bytesOf = (list: readonly BuildCache[]): number => total(list.map(({ Size }) => Size ?? 0));
  return {
    activeCount: items.filter(({ InUse }) => InUse).length,
    totalCount: items.length,
    totalBytes: bytesOf(items.filter(({ Shared }) => !Shared)),
    reclaimableBytes: bytesOf(items.filter(({ InUse, Shared }) => !InUse && !Shared)),
    items,
  };
}

/** Reads an answer of either shape. */
export function readDiskUsage(answer: DiskUsageAnswer): DiskUsageFigures {
  const { ImageUsage, ContainerUsage, VolumeUsage, BuildCacheUsage } = answer;
  const hasSums = ImageUsage ?? ContainerUsage ?? VolumeUsage ?? BuildCacheUsage;
  return {
    images: hasSums ? fromSums(ImageUsage) : imagesOf(answer),
    containers: hasSums ? fromSums(ContainerUsage) : containersOf(answer),
    volumes: hasSums ? fromSums(VolumeUsage) : volumesOf(answer),
    buildCache: hasSums ? fromSums(BuildCacheUsage) : buildCacheOf(answer),
    storage: answer.StorageUsage,
  };
}
