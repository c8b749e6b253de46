import { describe, expect, it } from 'vitest';
import { Errno } from '../../src/abi/index.ts';
import { boot } from '../../src/index.ts';
import { sleep } from '../../src/kernel/index.ts';
import { ConfigGroup, ConfigItem, type ConfigItemType, ConfigSubsystem, registerSubsystem } from '../../src/vfs/index.ts';
import { board } from '../support/boards.ts';
import { Fixture } from '../vfs/fixture.ts';

const TOP = '/sys/kernel/config/toys';

/** A subsystem whose items note what becomes of them. */
function toys(type: Partial<ConfigItemType> = {}) {
  const log: string[] = [];
  const itemType: ConfigItemType = {
    release: (item) => void log.push(`release ${item.name}`),
    allowLink: (source, target) => void log.push(`link ${source.name} to ${target.name}`),
    dropLink: (source, target) => void log.push(`unlink ${source.name} from ${target.name}`),
  };
  const subsystem = new ConfigSubsystem('toys', { makeItem: (_group, name) => new ConfigItem(name, itemType), ...type });
  return { log, itemType, subsystem };
}

describe('items', () => {
  it('live as long as somebody holds them', () => {
    const { sys, machine } = new Fixture();
    const held: ConfigItem[] = [];
    const { log, subsystem } = toys({
      dropItem(_group, item) {
        held.push(item);
      },
    });
    registerSubsystem(machine.system, subsystem);
    sys.mkdir(`${TOP}/a`);
    sys.rmdir(`${TOP}/a`);
    expect(log).toEqual([]);
    held[0]?.put();
    expect(log).toEqual(['release a']);
  });

  it('cannot go while a link leads to them or the kernel uses them', () => {
    const fixture = new Fixture();
    const { sys, machine } = fixture;
    const made = new Map<string, ConfigItem>();
    const { log, subsystem, itemType } = toys({
      makeItem(_group, name) {
        const item = new ConfigItem(name, itemType);
        made.set(name, item);
        return item;
      },
    });
    const unregister = registerSubsystem(machine.system, subsystem);
    sys.mkdir(`${TOP}/a`);
    sys.mkdir(`${TOP}/b`);
    sys.symlink(`${TOP}/b`, `${TOP}/a/to`);
    expect(fixture.errorOf(() => sys.rmdir(`${TOP}/b`))).toBe('EBUSY');
    expect(fixture.errorOf(() => sys.rmdir(`${TOP}/a`))).toBe('ENOTEMPTY');
    sys.unlink(`${TOP}/a/to`);
    const b = made.get('b') as ConfigItem;
    b.dependents++;
    expect(fixture.errorOf(() => sys.rmdir(`${TOP}/b`))).toBe('EBUSY');
    b.dependents--;
    sys.rmdir(`${TOP}/b`);
    expect(() => unregister()).toThrow('ENOTEMPTY');
    sys.rmdir(`${TOP}/a`);
    unregister();
    expect(log).toEqual(['link a to b', 'unlink a from b', 'release b', 'release a']);
    expect(fixture.errorOf(() => sys.stat(TOP))).toBe('ENOENT');
  });

  it('take their default groups with them, innermost first', () => {
    const { sys, machine } = new Fixture();
    const { log, itemType, subsystem } = toys({
      makeGroup: (_group, name) =>
        new ConfigGroup(name, itemType, [new ConfigGroup('outer', itemType, [new ConfigGroup('inner', itemType)])]),
    });
    registerSubsystem(machine.system, subsystem);
    sys.mkdir(`${TOP}/g`);
    expect(sys.stat(`${TOP}/g/outer/inner`).nlink).toBe(2);
    sys.rmdir(`${TOP}/g`);
    // Default groups are put by their maker, which these have not.
    expect(log).toEqual(['release g']);
  });

  it('that a driver refuses leave no trace', () => {
    const fixture = new Fixture();
    const { sys, machine } = fixture;
    const { itemType, subsystem } = toys({
      *makeItem(_group, name) {
        yield* sleep(1e6);
        if (name === 'bad') throw new Errno('ENOSPC', 'no more toys');
        return new ConfigItem(name, itemType);
      },
    });
    registerSubsystem(machine.system, subsystem);
    expect(fixture.errorOf(() => sys.mkdir(`${TOP}/bad`))).toBe('ENOSPC');
    expect(fixture.errorOf(() => sys.stat(`${TOP}/bad`))).toBe('ENOENT');
    sys.mkdir(`${TOP}/good`);
    expect(sys.stat(TOP).nlink).toBe(3);
  });
});

describe('programs', () => {
  it('that make the same name at once get one item', async () => {
    let made = 0;
    const { itemType, subsystem } = toys({
      *makeItem(_group, name) {
        made++;
        yield* sleep(1e6);
        return new ConfigItem(name, itemType);
      },
    });
    const machine = boot(board(({ system }) => void registerSubsystem(system, subsystem)));
    const outcomes: string[] = [];
    for (const name of ['same', 'same', 'other']) {
      machine.spawn(function* (sys) {
        try {
          yield* sys.mkdir(`${TOP}/${name}`);
          outcomes.push(`${name} made`);
        } catch (error) {
          if (!(error instanceof Errno)) throw error;
          outcomes.push(`${name} ${error.code}`);
        }
      });
    }
    await machine.run();
    expect(outcomes.sort()).toEqual(['other made', 'same EEXIST', 'same made']);
    expect(made).toBe(2);
    machine.shutdown();
  });

  it('set values that wait, one at a time for each open file', async () => {
    const { subsystem } = toys({
      makeItem: (_group, name) =>
        new ConfigItem(name, {
          attributes: [
            {
              name: 'value',
              mode: 0o644,
              show: (item) => `${item.name}\n`,
              *store() {
                yield* sleep(1e6);
              },
            },
          ],
        }),
    });
    const machine = boot(board(({ system }) => void registerSubsystem(system, subsystem)));
    const { sys } = machine;
    sys.mkdir(`${TOP}/a`);
    const fd = sys.open(`${TOP}/a/value`, 2);
    const start = machine.system.now();
    sys.write(fd, 'x');
    expect(machine.system.now() - start).toBe(1e6);
    expect(Buffer.from(sys.pread(fd, 10, 0)).toString()).toBe('a\n');
    sys.close(fd);
    machine.shutdown();
  });
});
