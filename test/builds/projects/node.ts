import { expect } from "bun:test";
import { type Project, UsedContainer } from "../project.ts";

export const node: Project = {
  name: "node",
  secrets: ["npmrc"],
  change: {
    path: "src/count-words.js",
    from: "text.split(",
    to: "text.trim().split(",
    doneAgain: ["[stage-3 6/6] COPY --chown=app:app src ./src"],
  },
  use: async (engine, image) => {
    await using app = await UsedContainer.start(engine, "-p", "127.0.0.1::3000", image);
    const address = `http://${await app.address(3000)}`;
    const answer = await fetch(`${address}/count`, { method: "POST", body: "one two\nthree" });
    expect([answer.headers.get("x-powered-by"), await answer.json()]).toEqual([
      "Express",
      { words: 3 },
    ]);
    expect((await fetch(`${address}/none`)).status).toBe(404);
    // what only the build needed has stayed there
    expect(await app.exec("sh", "-c", "id -un; command -v npm || echo no npm")).toBe("app\nno npm");
    const history = await engine.mustDocker("history", "--no-trunc", image);
    expect(history).not.toContain("cafile");
    expect(await app.exec("stat", "-c", "%U", "node_modules/express/package.json")).toBe("app");
    expect(await app.stop()).toBe("0");
  },
};
