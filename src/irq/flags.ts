/** include/linux/irq.h and interrupt.h: how lines trigger, what a request wants, what a handler answers. */

export const IRQ_TYPE_NONE = 0;
export const IRQ_TYPE_EDGE_RISING = 1;
export const IRQ_TYPE_EDGE_FALLING = 2;
export const IRQ_TYPE_EDGE_BOTH = 3;
export const IRQ_TYPE_LEVEL_HIGH = 4;
export const IRQ_TYPE_LEVEL_LOW = 8;
export const IRQ_TYPE_LEVEL_MASK = 12;
export const IRQ_TYPE_SENSE_MASK = 15;

/** The trigger bits of a request are those of the type. */
export const IRQF_TRIGGER_RISING = IRQ_TYPE_EDGE_RISING;
export const IRQF_TRIGGER_FALLING = IRQ_TYPE_EDGE_FALLING;
export const IRQF_TRIGGER_HIGH = IRQ_TYPE_LEVEL_HIGH;
export const IRQF_TRIGGER_LOW = IRQ_TYPE_LEVEL_LOW;
export const IRQF_TRIGGER_MASK = IRQ_TYPE_SENSE_MASK;
export const IRQF_SHARED = 0x80;
export const IRQF_PROBE_SHARED = 0x100;
export const IRQF_ONESHOT = 0x2000;
export const IRQF_NO_SUSPEND = 0x4000;
export const IRQF_COND_SUSPEND = 0x40000;
export const IRQF_NO_AUTOEN = 0x80000;
export const IRQF_COND_ONESHOT = 0x200000;

/** `irqreturn_t`. */
export type IrqReturn = number;
/** Not from this device. */
export const IRQ_NONE = 0;
export const IRQ_HANDLED = 1;
/** The rest is for the thread. */
export const IRQ_WAKE_THREAD = 2;

/** Flags of a chip. */
export const IRQCHIP_ONESHOT_SAFE = 1 << 5;
export const IRQCHIP_EOI_THREADED = 1 << 6;
/** An interrupt goes to another processor when it next comes, and not before: the device's message must change for it. */
export const IRQCHIP_MOVE_DEFERRED = 1 << 12;

/** Flags of a domain, as debugfs names them. */
export const IRQ_DOMAIN_FLAG_HIERARCHY = 1 << 0;
export const IRQ_DOMAIN_NAME_ALLOCATED = 1 << 1;
export const IRQ_DOMAIN_FLAG_ISOLATED_MSI = 1 << 5;
export const IRQ_DOMAIN_FLAG_MSI_PARENT = 1 << 8;
export const IRQ_DOMAIN_FLAG_MSI_DEVICE = 1 << 9;

/** A line that is connected to nothing: requests for it are ENOTCONN. */
export const IRQ_NOTCONNECTED = 2 ** 31;
