import { storeContract } from "#store/testing/contract.ts";
import { MemoryStore } from "./store.ts";

storeContract("MemoryStore", () => new MemoryStore());
