import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vite'

// The panel's server is reached under this page's own origin, so it needs no --allow-origin.
const proxy = { '/api': process.env.PULSE_PANEL ?? 'http://127.0.0.1:8765' }

export default defineConfig({ plugins: [svelte()], server: { proxy }, preview: { proxy } })
