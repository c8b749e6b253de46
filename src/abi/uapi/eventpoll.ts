/** linux/eventpoll.h, as x86-64 has it: the struct is packed there. */
import { flagFormatter } from '../flags.ts';
import { bigu64, flags, struct, u32 } from '../layout.ts';
import { O_CLOEXEC } from './fcntl.ts';

export const EPOLL_CLOEXEC = O_CLOEXEC;

export const EPOLL_CTL_ADD = 1;
export const EPOLL_CTL_DEL = 2;
export const EPOLL_CTL_MOD = 3;

export const EPOLLIN = 0x001;
export const EPOLLPRI = 0x002;
export const EPOLLOUT = 0x004;
export const EPOLLERR = 0x008;
export const EPOLLHUP = 0x010;
export const EPOLLNVAL = 0x020;
export const EPOLLRDNORM = 0x040;
export const EPOLLRDBAND = 0x080;
export const EPOLLWRNORM = 0x100;
export const EPOLLWRBAND = 0x200;
export const EPOLLMSG = 0x400;
export const EPOLLRDHUP = 0x2000;
export const EPOLLEXCLUSIVE = 0x10000000;
export const EPOLLWAKEUP = 0x20000000;
export const EPOLLONESHOT = 0x40000000;
export const EPOLLET = 0x80000000;

export const formatEpollEvents = flagFormatter({
  bits: {
    EPOLLIN,
    EPOLLPRI,
    EPOLLOUT,
    EPOLLERR,
    EPOLLHUP,
    EPOLLNVAL,
    EPOLLRDNORM,
    EPOLLRDBAND,
    EPOLLWRNORM,
    EPOLLWRBAND,
    EPOLLMSG,
    EPOLLRDHUP,
    EPOLLEXCLUSIVE,
    EPOLLWAKEUP,
    EPOLLONESHOT,
    EPOLLET,
  },
});

export const formatEpollOperation = flagFormatter({ fields: [[-1, { EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD }]] });

export const epoll_event = struct('epoll_event', { events: flags(u32, formatEpollEvents), data: bigu64 }, { packed: true });
