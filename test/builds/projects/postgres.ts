import { expect } from "bun:test";
import { type Project, UsedContainer } from "../project.ts";

export const postgres: Project = {
  name: "postgres",
  change: {
    path: "initdb/10-schema.sql",
    from: "page text NOT NULL",
    to: "page text NOT NULL DEFAULT '/'",
    doneAgain: ["[6/6] COPY initdb/ /docker-entrypoint-initdb.d/"],
  },
  use: async (engine, image) => {
    const data = "postgres-data";
    const words = ["-v", `${data}:/var/lib/postgresql/data`, "-e", "POSTGRES_PASSWORD=anchor"];
    const run = async (): Promise<UsedContainer> =>
      await UsedContainer.start(engine, ...words, "-e", "POSTGRES_DB=harbour", image);
    const query = async (server: UsedContainer, sql: string): Promise<string> =>
      await server.exec(
        ...["env", "PGPASSWORD=anchor", "psql", "-qAt", "-h", "127.0.0.1", "-U", "postgres"],
        ...["-d", "harbour", "-c", sql],
      );
    {
      await using server = await run();
      await query(
        server,
        "INSERT INTO visits (page) SELECT 'page ' || n FROM generate_series(1, 1000) n",
      );
      expect(await query(server, "SHOW lc_collate")).toBe("en_US.utf8");
      expect(
        await query(
          server,
          "SELECT string_agg(x, '' ORDER BY x) FROM (VALUES ('b'), ('B'), ('a')) v (x)",
        ),
      ).toBe("abB");
      expect(await server.exec("stat", "-c", "%U", "/proc/1")).toBe("postgres");
      expect(await server.stop()).toBe("0");
      await server.startAgain();
      expect(await query(server, "SELECT count(*), max(id) FROM visits")).toBe("1000|1000");
    }
    {
      await using next = await run();
      expect(await query(next, "SELECT count(*) FROM visits")).toBe("1000");
    }
    await engine.mustDocker("volume", "rm", data);
    const refused = await engine.docker(["run", "--rm", image]);
    expect([refused.exitCode, refused.stderr]).toEqual([
      1,
      expect.stringContaining("say POSTGRES_PASSWORD"),
    ]);
  },
};
