// As write-file-atomic does it: fs.promises, whose calls are made by the threads of a pool.
import { open, rename } from "node:fs/promises";

const folder = process.argv[2];
process.chdir(folder);
const file = await open(`${folder}/status.json.1234`, "w", 0o644);
await Promise.all([file.write('{"epoch":1}\n'), open(`${folder}/status.json`, "r").then((old) => old.close())]);
await file.sync();
await file.close();
await rename(`${folder}/status.json.1234`, `${folder}/status.json`);
