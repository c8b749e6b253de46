import { addSystemHeap } from '../../src/dma-buf/index.ts';
import { type Attribute, kstrtoint, type System } from '../../src/kernel/index.ts';
import type { Board } from '../../src/machine/index.ts';
import { addUsbGadgets } from '../../src/usb/index.ts';
import { debugfs, debugfsBool, debugfsU32, registerSysctl } from '../../src/vfs/index.ts';
import { board } from './boards.ts';
import { addTestFunctions } from './gadget-functions.ts';

/** A file of sysfs with one number in it, as rcu_expedited of kernel/ksysfs.c. */
function number(name: string): Attribute {
  let value = 0;
  return {
    name,
    mode: 0o644,
    show: () => `${value}\n`,
    store: (text) => {
      value = kstrtoint(text);
    },
  };
}

/** /sys/kernel/debug/sched, with the two files that scripts use (kernel/sched/debug.c). */
function addSchedulerFiles(system: System): void {
  const sched = debugfs(system).createDirectory('sched');
  const nothing = (names: readonly string[]) => {
    for (const name of names) sched.createText(name, 0o644, () => '');
  };
  nothing(['features']);
  sched.createFile('verbose', 0o644, debugfsBool(0o644, { value: false }));
  nothing(['preempt', 'base_slice_ns']);
  sched.createFile('latency_warn_ms', 0o644, debugfsU32(0o644, { value: 100 }));
  nothing(['latency_warn_once', 'tunable_scaling', 'migration_cost_ns', 'nr_migrate']);
  sched.createDirectory('numa_balancing');
  nothing(['debug']);
  sched.createDirectory('fair_server');
}

/** Two values of kernel/sysctl.c: a name and a number. */
function addKernelValues(system: System): void {
  let hostname = '(none)';
  let panic = -1;
  registerSysctl(system, 'kernel', [
    {
      name: 'hostname',
      mode: 0o644,
      isString: true,
      show: () => hostname,
      store: (text) => {
        hostname = text.replace(/\n.*$/s, '');
      },
    },
    {
      name: 'panic',
      mode: 0o644,
      show: () => `${panic}`,
      store: (text) => {
        panic = kstrtoint(text);
      },
    },
  ]);
}

/** What scripts on pseudo file systems ask about and the recording kernel had, as drivers declare it. */
export function pseudoBoard(): Board {
  return board(({ system, ram, volume }) => {
    volume.mkdirSync('/tmp/work', { recursive: true });
    addSystemHeap(system, ram);
    addSchedulerFiles(system);
    addKernelValues(system);
    addTestFunctions(system);
    addUsbGadgets(system);
    const { deviceModel, devices } = system;
    devices.addMisc({ name: 'udmabuf', minor: 258, ops: {} });
    deviceModel.addBus({ name: 'gadget' });
    deviceModel.kernel.createFile(number('rcu_expedited'));
    deviceModel.kernel.createFile(number('rcu_normal'));
    const notes = new Uint8Array(492);
    notes[0] = 4;
    deviceModel.kernel.createBinaryFile({
      name: 'notes',
      mode: 0o444,
      size: notes.length,
      read: (offset, length) => notes.subarray(offset, offset + length),
    });
  });
}
