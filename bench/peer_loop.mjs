// The npm peers as contenders: `node peer_loop.mjs NAME TARGET`, run from a copy beside the peers' node_modules.
// A line COUNT on the standard input is answered with the seconds that COUNT writes took.
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

const [name, target] = process.argv.slice(2)
const text = readFileSync(target, 'utf8')
const library = await import(name)

const writers = {
  // The synchronous function is the fastest one.
  atomically: () => library.writeFileSync(target, text),
  'fast-write-atomic': () => library.default.promise(target, text),
  'write-file-atomic': () => library.default.sync(target, text)
}
const write = writers[name]

for await (const line of createInterface({ input: process.stdin })) {
  const count = Number(line)
  const begin = process.hrtime.bigint()
  for (let i = 0; i < count; i++) {
    const pending = write()
    if (pending !== undefined) await pending
  }
  process.stdout.write(`${Number(process.hrtime.bigint() - begin) / 1e9}\n`)
}
