/** One request to the API, as a plugin is told of it. */
export interface AuthorizationCall {
  /** Common name of the client's certificate; empty without one. */
  readonly user: string;
  /** `TLS`, or empty. */
  readonly userAuthenticationMethod: string;
  /** The client's certificates in PEM, its own first. */
  readonly peerCertificates: readonly string[];
  readonly method: string;
  /** As it was sent: with version and query. */
  readonly uri: string;
  /** Canonical names; those that carry credentials are left out. */
  readonly headers: Readonly<Record<string, string>>;
  /** Absent unless it is JSON, and never a password's. */
  readonly body?: Uint8Array;
}

/** The answer to it. */
export interface AuthorizationReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Absent unless it is JSON, and for answers that were sent while they came about. */
  readonly body?: Uint8Array;
}

export interface Authorizer {
  /** Whether there is anybody to ask. */
  readonly isActive: boolean;
  /**
   * Asks each plugin in turn.
   *
   * @throws {PermissionDeniedError} The first denial. {FailedPreconditionError} A plugin that cannot say.
   */
  checkCall(call: AuthorizationCall, signal?: AbortSignal): Promise<void>;
  /** As `checkCall`, before the answer is sent. */
  checkReply(
    call: AuthorizationCall,
    reply: AuthorizationReply,
    signal?: AbortSignal,
  ): Promise<void>;
}
