import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { ConflictError, InternalError } from "#base/errors.ts";
import type { Collection, Store } from "#store/store.ts";

interface Pet {
  readonly kind: string;
  readonly tags: readonly string[];
  readonly owner?: string;
}

const PETS = {
  name: "pets",
  version: 1,
  indexes: { kind: (pet: Pet) => [pet.kind], tag: (pet: Pet) => pet.tags },
} as const;

/** What every store does; each driver's test calls it with a way to open an empty one. */
export function storeContract(driver: string, openEmpty: () => Store): void {
  describe(`${driver} keeps the contract of Store:`, () => {
    let store: Store;
    let pets: Collection<Pet>;

    beforeEach(() => {
      store = openEmpty();
      pets = store.collection<Pet>(PETS);
    });
    afterEach(() => store[Symbol.dispose]());

    test("get() gives what put() wrote, replaced by the next put()", () => {
      pets.put("a", { kind: "cat", tags: ["x"], owner: "Zoë\0" });
      pets.put("b", { kind: "dog", tags: [] });
      expect(pets.get("a")).toEqual({ kind: "cat", tags: ["x"], owner: "Zoë\0" });
      pets.put("a", { kind: "cow", tags: [] });
      expect(pets.get("a")).toEqual({ kind: "cow", tags: [] });
      expect(pets.get("c")).toBeUndefined();
      expect(pets.count()).toBe(2);
    });

    test("a record is not changed by changing the object that was put or got", () => {
      const pet = { kind: "cat", tags: ["x"] };
      pets.put("a", pet);
      pet.tags.push("y");
      (pets.get("a") as typeof pet).tags.push("z");
      expect(pets.get("a")?.tags).toEqual(["x"]);
    });

    test("get() and findBy() give what is written, also when they were asked before, and what was undone", () => {
      const seen = (): unknown => [
        pets.get("a"),
        pets.findBy("kind", "cat"),
        pets.findBy("kind", "dog"),
      ];
      const cat = { kind: "cat", tags: [] };
      const dog = { kind: "dog", tags: [] };
      expect(seen()).toEqual([undefined, [], []]);
      pets.put("a", cat);
      expect(seen()).toEqual([cat, [["a", cat]], []]);
      const change = (): void => {
        pets.put("a", dog);
        expect(seen()).toEqual([dog, [], [["a", dog]]]);
        throw new ConflictError("stop");
      };
      expect(() => store.transaction(change)).toThrow(ConflictError);
      expect(seen()).toEqual([cat, [["a", cat]], []]);
      store.transaction(() => {
        expect(() => store.transaction(change)).toThrow(ConflictError);
        expect(seen()).toEqual([cat, [["a", cat]], []]);
      });
      pets.delete("a");
      expect(seen()).toEqual([undefined, [], []]);
    });

    test("delete() says whether there was one", () => {
      pets.put("a", { kind: "cat", tags: ["x"] });
      expect(pets.delete("a")).toBe(true);
      expect(pets.delete("a")).toBe(false);
      expect(pets.get("a")).toBeUndefined();
      expect(pets.findBy("kind", "cat")).toEqual([]);
    });

    test("entries() is in the order of keys, by code point", () => {
      for (const key of ["b", "a", "\u{1f600}", "ab", "B", "\uffee"]) {
        pets.put(key, { kind: key, tags: [] });
      }
      const keys = pets.entries().map(([key]) => key);
      expect(keys).toEqual(["B", "a", "ab", "b", "\uffee", "\u{1f600}"]);
    });

    test("findBy() finds by each value of an index, in the order of keys, and follows changes", () => {
      pets.put("b", { kind: "cat", tags: ["x", "y", "x"] });
      pets.put("a", { kind: "cat", tags: ["y"] });
      const keys = (index: string, value: string): string[] =>
        pets.findBy(index, value).map(([key]) => key);
      expect(keys("kind", "cat")).toEqual(["a", "b"]);
      expect(keys("tag", "x")).toEqual(["b"]);
      pets.put("b", { kind: "dog", tags: ["y"] });
      expect(keys("kind", "cat")).toEqual(["a"]);
      expect(keys("tag", "x")).toEqual([]);
      expect(keys("tag", "y")).toEqual(["a", "b"]);
      expect(keys("nothing", "y")).toEqual([]);
    });

    test("keysWithPrefix() stops at the limit and takes no character as a pattern", () => {
      for (const key of ["a%", "ab", "abc", "abd", "b", "a_"])
        pets.put(key, { kind: "", tags: [] });
      expect(pets.keysWithPrefix("ab", 2)).toEqual(["ab", "abc"]);
      expect(pets.keysWithPrefix("ab", 9)).toEqual(["ab", "abc", "abd"]);
      expect(pets.keysWithPrefix("a%", 9)).toEqual(["a%"]);
      expect(pets.keysWithPrefix("", 9)).toHaveLength(6);
      expect(pets.keysWithPrefix("ab", 0)).toEqual([]);
    });

    test("collection() gives the same one for the same name, and refuses two versions", () => {
      expect(store.collection<Pet>(PETS)).toBe(pets);
      expect(() => store.collection({ ...PETS, version: 2 })).toThrow(InternalError);
      expect(() => store.collection({ name: "Pets;", version: 1 })).toThrow(InternalError);
    });

    test("transaction() keeps all or nothing, and goes on after a throw", () => {
      pets.put("a", { kind: "cat", tags: ["x"] });
      const fail = (): void => {
        pets.put("a", { kind: "dog", tags: [] });
        pets.put("b", { kind: "dog", tags: [] });
        pets.delete("a");
        throw new ConflictError("stop");
      };
      expect(() => store.transaction(fail)).toThrow(ConflictError);
      expect(pets.entries()).toEqual([["a", { kind: "cat", tags: ["x"] }]]);
      expect(pets.findBy("tag", "x")).toHaveLength(1);
      expect(store.transaction(() => (pets.put("b", { kind: "dog", tags: [] }), 7))).toBe(7);
      expect(pets.count()).toBe(2);
    });

    test("a nested transaction() joins: its own throw undoes its own writes, the outer's all", () => {
      const put = (key: string): void => pets.put(key, { kind: key, tags: [] });
      store.transaction(() => {
        put("outer");
        expect(() =>
          store.transaction(() => {
            put("inner");
            throw new ConflictError("inner");
          }),
        ).toThrow(ConflictError);
        put("after");
      });
      expect(pets.entries().map(([key]) => key)).toEqual(["after", "outer"]);
      expect(() =>
        store.transaction(() => {
          store.transaction(() => put("lost"));
          throw new ConflictError("outer");
        }),
      ).toThrow(ConflictError);
      expect(pets.get("lost")).toBeUndefined();
    });

    test.each(["crash", "power-cut"] as const)("a transaction() that survives a %s", (survives) => {
      store.transaction(() => pets.put("a", { kind: "cat", tags: ["x"] }), survives);
      const fail = (): void => {
        pets.put("a", { kind: "dog", tags: [] });
        throw new ConflictError("no");
      };
      expect(() => store.transaction(fail, survives)).toThrow(ConflictError);
      expect(pets.findBy("tag", "x")).toEqual([["a", { kind: "cat", tags: ["x"] }]]);
    });

    test("put() and delete() of a collection that survives a crash", () => {
      const definition = { name: "leases", version: 1, survives: "crash" } as const;
      const leases = store.collection<string>(definition);
      leases.put("a", "1");
      expect(leases.get("a")).toBe("1");
      expect(leases.delete("a")).toBe(true);
      expect(leases.delete("a")).toBe(false);
    });

    test("transaction() refuses asynchronous work", () => {
      const work = async (): Promise<void> => pets.put("a", { kind: "cat", tags: [] });
      expect(() => void store.transaction(work)).toThrow(InternalError);
      expect(pets.count()).toBe(0);
    });

    test("put() refuses what JSON cannot say and leaves the record as it was", () => {
      pets.put("a", { kind: "cat", tags: [] });
      expect(() => pets.put("a", undefined as unknown as Pet)).toThrow(InternalError);
      expect(pets.get("a")?.kind).toBe("cat");
    });
  });
}
