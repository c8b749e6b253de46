import { Errno } from '../../abi/index.ts';
import { NSIG } from '../../abi/uapi/index.ts';
import type { SignalAction } from '../signal.ts';
import type { Task } from '../task.ts';

/** kill(2). @throws Errno EINVAL for an unknown signal, ESRCH, EPERM */
export function kill(task: Task, pid: number, signal: number): number {
  if (signal < 0 || signal > NSIG) throw new Errno('EINVAL', `signal ${signal} is unknown`);
  const target = task.system.tasks.get(pid);
  if (target === undefined) throw new Errno('ESRCH', `there is no task ${pid}`);
  if (task.credentials.uid !== 0 && task.credentials.uid !== target.credentials.uid) {
    throw new Errno('EPERM', `task ${pid} belongs to uid ${target.credentials.uid}`);
  }
  if (signal !== 0) target.signals.send(signal);
  return 0;
}

/** sigaction(2). @throws Errno EINVAL for SIGKILL and unknown signals */
export function sigaction(task: Task, signal: number, action: SignalAction | 'ignore' | 'default'): number {
  if (signal < 1 || signal > NSIG || signal === 9 || signal === 19)
    throw new Errno('EINVAL', `the action of signal ${signal} cannot be set`);
  task.signals.setAction(signal, action);
  return 0;
}
