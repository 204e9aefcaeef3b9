import { expect } from "bun:test";
import { type Project, UsedContainer } from "../project.ts";

export const redis: Project = {
  name: "redis",
  arguments: { REDIS_MAXMEMORY: "32mb" },
  change: {
    path: "redis.conf",
    from: "appendfsync everysec",
    to: "appendfsync always",
    doneAgain: [
      "[4/8] COPY --chown=redis:redis --chmod=640 redis.conf /etc/redis/redis.conf",
      "[5/8] COPY --chown=redis:redis <<EOF /etc/redis/memory.conf",
      "[6/8] COPY --chmod=755 docker-entrypoint.sh /usr/local/bin/",
      "[7/8] RUN install -d -o redis -g redis -m 700 /data",
      "[8/8] WORKDIR /data",
    ],
  },
  use: async (engine, image) => {
    const data = "redis-data";
    {
      await using server = await UsedContainer.start(engine, "-v", `${data}:/data`, image);
      const cli = async (...words: readonly string[]): Promise<string> =>
        await server.exec("redis-cli", ...words);
      expect(await cli("SET", "ship", "wharf")).toBe("OK");
      expect(await cli("CONFIG", "GET", "maxmemory")).toBe(`maxmemory\n${32 * 1024 * 1024}`);
      expect(await server.exec("stat", "-c", "%U:%G", "/proc/1", "/data")).toBe(
        "redis:redis\nredis:redis",
      );
      await server.stop();
      await server.startAgain();
      expect(await cli("GET", "ship")).toBe("wharf");
    }
    {
      await using next = await UsedContainer.start(engine, "-v", `${data}:/data`, image);
      expect(await next.exec("redis-cli", "GET", "ship")).toBe("wharf");
    }
    await engine.mustDocker("volume", "rm", data);
  },
};
