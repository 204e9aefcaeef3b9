/** One thing that happens to one thing: `Container p-web-1  Creating`. */
export interface ProgressEvent {
  readonly kind: "Network" | "Volume" | "Container" | "Image" | "Service";
  readonly name: string;
  readonly status: string;
}

export type OnProgress = (event: ProgressEvent) => void;
