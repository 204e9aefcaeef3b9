import { rmSync } from "node:fs";
import { join } from "node:path";
import { mustRun } from "../command.ts";
import { CACHE, type TestEngine } from "../engine.ts";

/**
 * Loads `tag` made of busybox and a layer that `python` code fills by `add(name, **fields)`, where fields
 * are those of `tarfile.TarInfo`.
 *
 * @param folder Where the archive is for a moment.
 * @param config The image's, such as `{ WorkingDir: "/x" }`.
 */
export async function loadLayeredImage(
  engine: TestEngine,
  folder: string,
  tag: string,
  python: string,
  config: object = {},
): Promise<void> {
  const path = join(folder, "image.tar");
  const script = `
import tarfile, io, json, hashlib
layer = io.BytesIO()
tar = tarfile.open(fileobj=layer, mode="w")
def add(name, **fields):
    info = tarfile.TarInfo(name); info.mode = 0o755
    for key, value in fields.items(): setattr(info, key, value)
    tar.addfile(info, io.BytesIO(b""))
${python}
tar.close()
layers = [open(${JSON.stringify(join(CACHE, "busybox.tar"))}, "rb").read(), layer.getvalue()]
diffs = ["sha256:" + hashlib.sha256(each).hexdigest() for each in layers]
config = json.dumps({"architecture": "amd64", "os": "linux", "config": json.loads(${JSON.stringify(JSON.stringify(config))}), "rootfs": {"type": "layers", "diff_ids": diffs}}).encode()
manifest = json.dumps([{"Config": "c.json", "RepoTags": [${JSON.stringify(tag)}], "Layers": ["0.tar", "1.tar"]}]).encode()
with tarfile.open(${JSON.stringify(path)}, "w") as out:
    for name, data in (("c.json", config), ("0.tar", layers[0]), ("1.tar", layers[1]), ("manifest.json", manifest)):
        info = tarfile.TarInfo(name); info.size = len(data); out.addfile(info, io.BytesIO(data))
`;
  await mustRun(["/usr/bin/python3", "-c", script]);
  await engine.mustDocker("load", "-qi", path);
  rmSync(path);
}
