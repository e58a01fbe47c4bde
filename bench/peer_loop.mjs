// The npm peers as contenders: `node peer_loop.mjs NAME TARGET`, run from a copy beside the peers' node_modules.
// Each line COUNT on standard input is answered with the seconds that COUNT writes took.
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

const [name, target] = process.argv.slice(2)
const text = readFileSync(target, 'utf8')
const library = await import(name)

const writers = {
  // The synchronous function is its fastest.
  atomically: () => library.writeFileSync(target, text),
  'fast-write-atomic': () => library.default.promise(target, text),
  'write-file-atomic': () => library.default.sync(target, text)
}
const write = writers[name]

for await (const line of createInterface({ input: process.stdin })) {
  const count = Number(line)
  const start = process.hrtime.bigint()
  for (let i = 0; i < count; i++) {
    const pending = write()
    if (pending !== undefined) await pending
  }
  process.stdout.write(`${Number(process.hrtime.bigint() - start) / 1e9}\n`)
}
