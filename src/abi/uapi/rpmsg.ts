/** linux/rpmsg.h. */
import { chars, i32, struct, u32 } from '../layout.ts';
import { IO, IOR, IOW, requests, takesValue } from '../request.ts';

export const RPMSG_ADDR_ANY = 0xffffffff;

const address = u32.shownAs((value) => (value === RPMSG_ADDR_ANY ? 'RPMSG_ADDR_ANY' : `${value}`));

export const rpmsg_endpoint_info = struct('rpmsg_endpoint_info', { name: chars(32), src: address, dst: address });

export const {
  RPMSG_CREATE_EPT_IOCTL,
  RPMSG_DESTROY_EPT_IOCTL,
  RPMSG_CREATE_DEV_IOCTL,
  RPMSG_RELEASE_DEV_IOCTL,
  RPMSG_GET_OUTGOING_FLOWCONTROL,
  RPMSG_SET_INCOMING_FLOWCONTROL,
} = requests({
  RPMSG_CREATE_EPT_IOCTL: IOW(0xb5, 0x1, rpmsg_endpoint_info),
  RPMSG_DESTROY_EPT_IOCTL: IO(0xb5, 0x2),
  RPMSG_CREATE_DEV_IOCTL: IOW(0xb5, 0x3, rpmsg_endpoint_info),
  RPMSG_RELEASE_DEV_IOCTL: IOW(0xb5, 0x4, rpmsg_endpoint_info),
  RPMSG_GET_OUTGOING_FLOWCONTROL: IOR(0xb5, 0x5, i32),
  RPMSG_SET_INCOMING_FLOWCONTROL: takesValue(IOR(0xb5, 0x6, i32)),
});
