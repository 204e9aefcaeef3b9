import { expect } from "bun:test";
import { type Project, UsedContainer } from "../project.ts";

export const python: Project = {
  name: "python",
  change: {
    path: "guestbook/__init__.py",
    from: 'return "ok\\n"',
    to: 'return "fine\\n"',
    doneAgain: [
      "[build 6/8] COPY guestbook/ guestbook/",
      "[build 7/8] RUN --mount=type=cache,target=/root/.cache/pip     /opt/venv/bin/pip install --no-index --no-build-isolation --no-deps .",
      "[build 8/8] RUN /opt/venv/bin/python -m unittest discover -s guestbook",
      "[stage-2 3/3] COPY --from=build --link /opt/venv /opt/venv",
    ],
  },
  use: async (engine, image) => {
    const data = "guests";
    const words = ["-v", `${data}:/data`, "-p", "127.0.0.1::8000", image];
    {
      await using app = await UsedContainer.start(engine, ...words);
      const guests = `http://${await app.address(8000)}/guests`;
      for (const name of ["Ada", "Grace"]) {
        expect((await fetch(guests, { method: "POST", body: name })).status).toBe(201);
      }
      expect(await app.exec("id", "-un")).toBe("app");
      expect(await app.stop()).toBe("0");
      await app.startAgain();
      const again = await fetch(`http://${await app.address(8000)}/guests`);
      expect(await again.json()).toEqual(["Ada", "Grace"]);
    }
    {
      await using next = await UsedContainer.start(engine, ...words);
      const kept = await fetch(`http://${await next.address(8000)}/guests`);
      expect(await kept.json()).toEqual(["Ada", "Grace"]);
    }
    await engine.mustDocker("volume", "rm", data);
  },
};
