import type { ProxyConfig } from "#client/contexts/client-config.ts";
import type { CreateValues } from "../create-flags.ts";
