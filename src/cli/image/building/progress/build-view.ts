import type { StatusResponse } from "#spec/buildkit/control.ts";

/** Shows a build as it goes on. */
export interface BuildView {
  onStatus(status: StatusResponse): void;
  /** After the last: what stands at the end. */
  end(): void;
}

/** Tells nothing. */
export const SILENT_VIEW: BuildView = { onStatus: () => undefined, end: () => undefined };
