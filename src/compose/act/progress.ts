/**
 * One thing that happens to one thing: `Container p-web-1  Creating`. `Service` is what happens to a service's image,
 * `Task` what is done with a container that stays as it is.
 */
export interface ProgressEvent {
  readonly kind: "Network" | "Volume" | "Container" | "Image" | "Service" | "Task";
  readonly name: string;
  readonly status: string;
  /** What it is a part of, as it is called itself: the service whose image a layer is of. */
  readonly parent?: string;
}

export type OnProgress = (event: ProgressEvent) => void;
