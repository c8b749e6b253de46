/** drivers/base/power/sysfs.c: the folder `power` of a device without runtime power management. */
import { Errno } from '../abi/index.ts';
import { sysfsStreq } from './parse.ts';
import type { Attribute, AttributeGroup } from './sysfs.ts';

const constant = (name: string, text: string): Attribute => ({ name, mode: 0o444, show: () => `${text}\n` });

/** One of two words, kept as it is written. */
function choice(name: string, ...words: readonly [string, string]): Attribute {
  let word = words[0];
  return {
    name,
    mode: 0o644,
    show: () => `${word}\n`,
    store(text) {
      const chosen = words.find((known) => sysfsStreq(text, known));
      if (chosen === undefined) throw new Errno('EINVAL', `neither ${words.join(' nor ')}`);
      word = chosen;
    },
  };
}

const unsupported = () => {
  throw new Errno('EIO', 'the device does not suspend on its own');
};

export function powerGroup(): AttributeGroup {
  return {
    name: 'power',
    attributes: [
      choice('async', 'disabled', 'enabled'),
      { name: 'autosuspend_delay_ms', mode: 0o644, show: unsupported, store: unsupported },
      choice('control', 'auto', 'on'),
      constant('runtime_active_kids', '0'),
      constant('runtime_active_time', '0'),
      constant('runtime_enabled', 'disabled'),
      constant('runtime_status', 'unsupported'),
      constant('runtime_suspended_time', '0'),
      constant('runtime_usage', '0'),
    ],
  };
}
