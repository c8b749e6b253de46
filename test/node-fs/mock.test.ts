import { beforeEach, describe, expect, it, vi } from 'vitest';
import { changeSettings, readSettings } from './settings.ts';

const machine = await vi.hoisted(async () => {
  const { Fixture } = await import('../vfs/fixture.ts');
  const { createNodeFs } = await import('../../src/doors/node-fs/index.ts');
  const fixture = new Fixture();
  return { fixture, fs: createNodeFs(fixture.sys) };
});

vi.mock('node:fs', () => ({ ...machine.fs, default: machine.fs }));
vi.mock('node:fs/promises', () => ({ ...machine.fs.promises, default: machine.fs.promises }));

describe('a module that uses node:fs', () => {
  const { volume } = machine.fixture;
  beforeEach(() => volume.reset());

  it('works in the machine without knowing it', async () => {
    volume.fromJSON({ '/etc/app/settings.json': '{"speed":1}' });
    expect(readSettings('/etc/app/settings.json')).toEqual({ speed: 1 });
    await changeSettings('/etc/app/settings.json', (settings) => {
      settings.speed = 2;
    });
    await changeSettings('/var/new/settings.json', (settings) => {
      settings.fresh = true;
    });
    expect(volume.toJSON()).toEqual({ '/etc/app/settings.json': '{"speed":2}', '/var/new/settings.json': '{"fresh":true}' });
    expect(machine.fixture.sys.stat('/var/new/settings.json').mode).toBe(0o100600);
  });

  it('gets errors as from Node', async () => {
    machine.fs.writeFileSync('/file', '');
    await expect(changeSettings('/file/below/settings.json', () => {})).rejects.toMatchObject({ code: 'ENOTDIR', syscall: 'mkdir' });
    expect(readSettings('/nowhere')).toBeUndefined();
  });
});
