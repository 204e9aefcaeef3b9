/** A connection as bytes, whatever carries it; one reader, one writer. */
export interface ByteConnection {
  /** @returns Undefined at the end. */
  read(): Promise<Uint8Array | undefined>;
  /** Resolves when more may be written. */
  write(bytes: Uint8Array): Promise<void>;
  close(): void;
}
