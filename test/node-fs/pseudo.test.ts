import { describe, expect, it } from 'vitest';
import { boot } from '../../src/index.ts';
import { pseudoBoard } from '../support/pseudo-board.ts';

/** What a program that uses node:fs does with the kernel's files. */
describe('node:fs on pseudo file systems', () => {
  it('reads and writes attributes', () => {
    const { fs } = boot(pseudoBoard());
    fs.writeFileSync('/sys/kernel/rcu_normal', '3\n');
    expect(fs.readFileSync('/sys/kernel/rcu_normal', 'utf8')).toBe('3\n');
    expect(() => fs.writeFileSync('/sys/kernel/rcu_normal', 'x')).toThrow('EINVAL');
    expect(() => fs.writeFileSync('/sys/kernel/uevent_seqnum', '1')).toThrow('EACCES');
    expect(() => fs.unlinkSync('/sys/kernel/rcu_normal')).toThrow('EPERM');
  });

  it('finds devices by class and number', () => {
    const { fs } = boot(pseudoBoard());
    const { rdev } = fs.statSync('/dev/udmabuf');
    expect(rdev).toBe(0x100a02);
    expect(fs.realpathSync('/sys/dev/char/10:258')).toBe(fs.realpathSync('/sys/class/misc/udmabuf'));
    expect(fs.readFileSync('/sys/class/misc/udmabuf/uevent', 'utf8')).toBe('MAJOR=10\nMINOR=258\nDEVNAME=udmabuf\n');
    expect(fs.readdirSync('/sys/class/misc')).toEqual(['udmabuf']);
  });

  it('makes and removes objects', async () => {
    const { fs } = boot(pseudoBoard());
    const top = '/sys/kernel/config/usb_gadget';
    await fs.promises.mkdir(`${top}/g`);
    await fs.promises.mkdir(`${top}/g/functions/ffs.a`);
    await fs.promises.mkdir(`${top}/g/configs/c.1`);
    fs.symlinkSync(`${top}/g/functions/ffs.a`, `${top}/g/configs/c.1/f`);
    expect(fs.readlinkSync(`${top}/g/configs/c.1/f`)).toBe('../../../../usb_gadget/g/functions/ffs.a');
    expect(() => fs.rmdirSync(`${top}/g/functions/ffs.a`)).toThrow('EBUSY');
    fs.unlinkSync(`${top}/g/configs/c.1/f`);
    fs.rmdirSync(`${top}/g/functions/ffs.a`);
    fs.rmdirSync(`${top}/g/configs/c.1`);
    fs.rmdirSync(`${top}/g`);
    expect(fs.readdirSync(top)).toEqual([]);
  });

  it('reads files that do not tell their size', () => {
    const { fs } = boot(pseudoBoard());
    expect(fs.readFileSync('/proc/misc', 'utf8')).toBe('258 udmabuf\n');
    expect(fs.readFileSync('/proc/self/comm', 'utf8')).toBe('main\n');
    expect(fs.readFileSync('/sys/kernel/debug/dma_buf/bufinfo', 'utf8')).toContain('Total 0 objects, 0 bytes\n');
  });
});
