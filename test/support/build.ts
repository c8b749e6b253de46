import { execFileSync } from 'node:child_process';
import { root } from './paths.ts';

/** Native tests run what users run, from dist/: brings it up to date before the first test. */
export default function build(): void {
  execFileSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: 'inherit' });
}
