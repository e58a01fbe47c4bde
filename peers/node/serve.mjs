// Serves an npm library to the conformance kit: one JSON request per line on stdin, one answer per line on stdout
// (SPEC.md, "Mode serve"). The argument names the library. It adds nothing to it: no option, no retry, no check.
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

const libraries = {
  atomically: async () => (await import('atomically')).writeFile,
  'fast-write-atomic': async () => (await import('fast-write-atomic')).default.promise,
  // One Writer for each file, kept for as long as the process lives: this is how its README uses it.
  steno: async () => {
    const { Writer } = await import('steno')
    const writers = new Map()
    return (path, text) => {
      if (!writers.has(path)) writers.set(path, new Writer(path))
      return writers.get(path).write(text)
    }
  }
}

const name = process.argv[2]
const save = await libraries[name]()
const { version } = JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url), 'utf8'))

const operations = {
  start: () => ({ protocol: 1, name, version, language: 'javascript' }),
  replace: async ({ path, text }) => { await save(path, text) },
  stop: () => ({})
}

async function answer (request) {
  const operation = operations[request.op]
  if (operation === undefined) return { ok: false, error: 'unsupported', message: `no operation ${request.op}` }
  try {
    return { ok: true, ...await operation(request) }
  } catch (error) {
    // Only system errors carry the name of a system call. Anything else is a defect and ends the process.
    if (error.syscall !== undefined) return { ok: false, error: 'io', message: error.message }
    if (error.code === 'ERR_INVALID_ARG_VALUE') return { ok: false, error: 'invalid', message: error.message }
    throw error
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line)
  process.stdout.write(JSON.stringify({ id: request.id, ...await answer(request) }) + '\n')
  if (request.op === 'stop') break
}
process.stdin.destroy() // otherwise the process waits for the end of its input
