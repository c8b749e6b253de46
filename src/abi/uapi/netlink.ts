/** linux/netlink.h */
import { struct, u16, u32 } from '../layout.ts';

export const NETLINK_KOBJECT_UEVENT = 15;
export const MAX_LINKS = 32;

export const NETLINK_ADD_MEMBERSHIP = 1;
export const NETLINK_DROP_MEMBERSHIP = 2;
export const NETLINK_PKTINFO = 3;
export const NETLINK_BROADCAST_ERROR = 4;
export const NETLINK_NO_ENOBUFS = 5;
export const NETLINK_LIST_MEMBERSHIPS = 9;
export const NETLINK_CAP_ACK = 10;
export const NETLINK_EXT_ACK = 11;
export const NETLINK_GET_STRICT_CHK = 12;

export const sockaddr_nl = struct('sockaddr_nl', { nl_family: u16, nl_pad: u16, nl_pid: u32, nl_groups: u32 });
