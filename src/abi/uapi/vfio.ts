/** linux/vfio.h, as far as interrupts: 12 of docs/reference/ims-dsa.md. The requests say neither size nor direction. */
import { flagFormatter } from '../flags.ts';
import { flags, struct, tail, u8, u32 } from '../layout.ts';
import { IO, Request } from '../request.ts';

export const VFIO_IRQ_INFO_EVENTFD = 1;
export const VFIO_IRQ_INFO_MASKABLE = 2;
export const VFIO_IRQ_INFO_AUTOMASKED = 4;
export const VFIO_IRQ_INFO_NORESIZE = 8;

export const VFIO_IRQ_SET_DATA_NONE = 1;
export const VFIO_IRQ_SET_DATA_BOOL = 2;
export const VFIO_IRQ_SET_DATA_EVENTFD = 4;
export const VFIO_IRQ_SET_ACTION_MASK = 8;
export const VFIO_IRQ_SET_ACTION_UNMASK = 16;
export const VFIO_IRQ_SET_ACTION_TRIGGER = 32;
export const VFIO_IRQ_SET_DATA_TYPE_MASK = 7;
export const VFIO_IRQ_SET_ACTION_TYPE_MASK = 56;

export const VFIO_PCI_INTX_IRQ_INDEX = 0;
export const VFIO_PCI_MSI_IRQ_INDEX = 1;
export const VFIO_PCI_MSIX_IRQ_INDEX = 2;
export const VFIO_PCI_NUM_IRQS = 5;

const infoFlags = flagFormatter({
  bits: { VFIO_IRQ_INFO_EVENTFD, VFIO_IRQ_INFO_MASKABLE, VFIO_IRQ_INFO_AUTOMASKED, VFIO_IRQ_INFO_NORESIZE },
});
const setFlags = flagFormatter({
  bits: {
    VFIO_IRQ_SET_DATA_NONE,
    VFIO_IRQ_SET_DATA_BOOL,
    VFIO_IRQ_SET_DATA_EVENTFD,
    VFIO_IRQ_SET_ACTION_MASK,
    VFIO_IRQ_SET_ACTION_UNMASK,
    VFIO_IRQ_SET_ACTION_TRIGGER,
  },
});

export const vfio_irq_info = struct('vfio_irq_info', { argsz: u32, flags: flags(u32, infoFlags), index: u32, count: u32 });
export const vfio_irq_set = struct('vfio_irq_set', {
  argsz: u32,
  flags: flags(u32, setFlags),
  index: u32,
  start: u32,
  count: u32,
  data: tail(u8),
});

/** _IO(';', 109): the struct goes both ways. */
export const VFIO_DEVICE_GET_IRQ_INFO = new Request(IO(0x3b, 109).number, 'inout', vfio_irq_info, 'VFIO_DEVICE_GET_IRQ_INFO');
/** _IO(';', 110). */
export const VFIO_DEVICE_SET_IRQS = new Request(IO(0x3b, 110).number, 'in', vfio_irq_set, 'VFIO_DEVICE_SET_IRQS');
