// A user looks at what a container changed, and makes an image of it.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startEngine, type TestEngine } from "../../harness/engine.ts";
import { waitUntil } from "../../harness/wait-until.ts";

let engine: TestEngine;
beforeAll(async () => {
  engine = await startEngine();
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

const statusOf = (name: string) => engine.mustDocker("inspect", "-f", "{{.State.Status}}", name);

describe("diff", () => {
  test("tells added, changed and deleted files as docker does", async () => {
    await engine.mustDocker(
      ...["run", "-d", "--name", "changed", "--tmpfs", "/t", "-v", "/v", "busybox", "sh", "-c"],
      `mkdir -p /n/m; echo 1 >/n/m/f; rm -rf /home; mkdir /home; touch /home/z; chmod 711 /root
       rm /bin/wget; echo hi >/bin/wget; rm -rf /usr; mkdir -p /usr/bin; rm /etc/group
       touch -r /etc/passwd /ref; echo same >>/etc/passwd; touch /etc; ln -s /bin /sbin2
       cp -p /bin/ls /tmp/ls; chown 5 /bin/ls; exec sleep 1000`,
    );
    const want = [
      ...["C /bin", "C /bin/ls", "C /bin/wget", "C /etc", "D /etc/group", "C /etc/passwd"],
      ...["C /home", "A /home/z", "A /n", "A /n/m", "A /n/m/f", "A /ref", "C /root", "A /sbin2"],
      ...["A /t", "C /tmp", "A /tmp/ls", "C /usr", "A /v"],
    ];
    const sorted = (text: string) => text.split("\n").toSorted();
    await waitUntil("the container has done it", async () =>
      (await engine.mustDocker("diff", "changed")).includes("/tmp/ls"),
    );
    const got = sorted(await engine.mustDocker("diff", "changed"));
    // what the image has in /usr decides what is deleted or added there
    expect(got.filter((line) => !/ \/usr\//.test(line))).toEqual(sorted(want.join("\n")));
    expect(sorted(await engine.mustWharf("diff", "changed"))).toEqual(got);
    await engine.mustDocker("rm", "-f", "-v", "changed");
    await engine.mustDocker("run", "--name", "same", "busybox", "true");
    expect(await engine.mustDocker("diff", "same")).toBe("");
    expect(await (await engine.api("GET", "/containers/same/changes")).json()).toBeNull();
    await engine.mustDocker("rm", "same");
  });
});

describe("commit", () => {
  test("makes an image of a running container's changes, with each instruction", async () => {
    await engine.mustDocker(
      ...["run", "-d", "--name", "base", "-e", "OLD=1", "busybox", "sh", "-c"],
      "echo new >/new; rm /etc/group; rm -rf /home; mkdir /home; exec sleep 1000",
    );
    await waitUntil("the container has done it", async () =>
      (await engine.mustDocker("diff", "base")).includes("D /etc/group"),
    );
    const changes = [
      ...['CMD ["cat","/new"]', "ENV A=b", "EXPOSE 80/udp", "LABEL l=m", "ONBUILD RUN true"],
      ...["STOPSIGNAL INT", "USER 12", "VOLUME /vol", "WORKDIR /tmp", "HEALTHCHECK CMD true"],
    ];
    const id = await engine.mustWharf(
      ...["commit", "-a", "me", "-m", "why", ...changes.flatMap((change) => ["-c", change])],
      ...["base", "made:1"],
    );
    expect(id).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(await statusOf("base")).toBe("running");
    const image = JSON.parse(await engine.mustDocker("image", "inspect", "made:1"))[0];
    expect(image).toMatchObject({ Id: id, Author: "me", Comment: "why" });
    expect(image.Config).toMatchObject({
      Cmd: ["cat", "/new"],
      Env: expect.arrayContaining(["OLD=1", "A=b"]),
      ExposedPorts: { "80/udp": {} },
      Labels: { l: "m" },
      OnBuild: ["RUN true"],
      StopSignal: "INT",
      User: "12",
      Volumes: { "/vol": {} },
      WorkingDir: "/tmp",
      Healthcheck: { Test: ["CMD-SHELL", "true"] },
    });
    expect(await engine.mustDocker("run", "--rm", "made:1")).toBe("new");
    expect(await engine.mustDocker("run", "--rm", "made:1", "ls", "/etc", "/home")).not.toContain(
      "group",
    );
    expect(await engine.mustDocker("history", "--format", "{{.CreatedBy}}", "made:1")).toContain(
      "sh -c echo new",
    );
    const child = await engine.mustDocker("commit", "-c", "ENTRYPOINT echo", "base");
    const config = JSON.parse(await engine.mustDocker("inspect", "-f", "{{json .Config}}", child));
    expect(config.Cmd ?? null).toBeNull();
    for (const [change, message] of [
      ["RUN x", "RUN is not a valid change command"],
      ["ENV", "ENV requires at least one argument"],
    ] as const) {
      expect((await engine.docker(["commit", "-c", change, "base"])).stderr).toContain(message);
    }
    await engine.mustDocker("rm", "-f", "base");
    await engine.mustDocker("rmi", "made:1", child);
  });

  test("takes every byte of large files", async () => {
    const write =
      "for i in 1 2 3 4 5; do head -c 3333333 /dev/urandom >/file$i; done; md5sum /file*";
    const written = await engine.mustDocker(
      ...["run", "--name", "large", "busybox", "sh", "-c", write],
    );
    expect(written.split("\n")).toHaveLength(5);
    await engine.mustDocker("commit", "large", "large:1");
    const read = ["run", "--rm", "large:1", "sh", "-c", "md5sum /file*"];
    expect(await engine.mustDocker(...read)).toBe(written);
    await engine.mustDocker("rm", "large");
    await engine.mustDocker("rmi", "large:1");
  });

  test("pauses meanwhile, and a killed engine leaves no image and no paused container", async () => {
    await engine.mustDocker(
      ...["run", "-d", "--name", "killed", "busybox", "sh", "-c"],
      "dd if=/dev/zero of=/big bs=1M count=300 2>/dev/null; touch /done; exec sleep 1000",
    );
    await waitUntil("the file is written", async () =>
      (await engine.mustDocker("diff", "killed")).includes("/done"),
    );
    const committing = engine.api("POST", "/commit?container=killed&repo=half").then(
      () => undefined,
      () => undefined,
    );
    await waitUntil("it is paused", async () => (await statusOf("killed")) === "paused");
    await engine.crash();
    await committing;
    await engine.start();
    expect(await statusOf("killed")).toBe("running");
    expect(await engine.mustDocker("images", "-aq")).toHaveLength(12);
    await engine.mustDocker("commit", "killed", "whole:1");
    expect(await statusOf("killed")).toBe("running");
    expect(await engine.mustDocker("run", "--rm", "whole:1", "stat", "-c", "%s", "/big")).toBe(
      String(300 * 1024 * 1024),
    );
    await engine.mustDocker("rm", "-f", "killed");
    await engine.mustDocker("rmi", "whole:1");
  }, 60_000);
});
