/** Defects of the real driver that ours re-creates when told to: section 18 of docs/reference/vc-sm-cma.md. */
import { type Defect, Killed, type System } from '../../kernel/index.ts';

const defect = (id: string, description: string, ...breaks: string[]): Defect => ({ name: `vcsm-${id}`, description, breaks });

const OOPS = 'kernel-oops';
const UNDER_VPU = 'vcsm-freed-under-vpu';
const HANDLE_LEFT = 'vcsm-handle-left';
const ATTACHED = 'dma-buf-released-attached';
const BUFFER_LEFT = 'vcsm-buffer-left';

/** By their numbers in the catalogue. */
export const VCSM_DEFECTS = {
  Q1: defect('Q1', 'importing a negative descriptor dereferences null', OOPS),
  Q2: defect('Q2', 'importing what is no dma-buf dereferences an error pointer', OOPS),
  Q3: defect('Q3', 'an import that cannot be attached or mapped cleans up by the error pointer', OOPS),
  Q4: defect('Q4', 'an allocation that the VPU refuses unlinks a buffer that was never linked, and loses its id', OOPS),
  Q5: defect('Q5', 'an allocation without a free descriptor succeeds, and says nothing'),
  Q6: defect('Q6', 'an allocation that cannot be copied out leaves its descriptor open'),
  Q7: defect('Q7', 'an import that cannot be copied out leaves its descriptor open, and puts the buffer once too often', 'vcsm-over-put'),
  Q8: defect('Q8', 'an import without a free descriptor is EFAULT'),
  Q9: defect('Q9', 'an import that a signal interrupts drops the memory that the VPU goes on using', HANDLE_LEFT, UNDER_VPU),
  Q10: defect('Q10', 'a signal before the command was sent is ENOMEM'),
  Q11: defect('Q11', 'RELEASED is believed whatever its handle says', UNDER_VPU, HANDLE_LEFT),
  Q12: defect('Q12', 'RELEASED before the import has gone on follows null list pointers, and ends the thread', OOPS, BUFFER_LEFT),
  Q13: defect(
    'Q13',
    'transaction ids are kept in 16 bits, so after 65535 commands no answer finds its command (R1)',
    HANDLE_LEFT,
    BUFFER_LEFT,
  ),
  Q14: defect('Q14', 'who waits for a command that was not queued reads it as its own answer', BUFFER_LEFT),
  Q15: defect(
    'Q15',
    'an answer that comes right after a signal completes a block that the next command gets, and that one answers itself',
    HANDLE_LEFT,
    BUFFER_LEFT,
  ),
  Q16: defect('Q16', 'with firmware of protocol 1, ids are never given back'),
  Q17: defect('Q17', 'of a request only the number counts'),
  Q19: defect('Q19', 'the end of the service wakes nobody, and nothing is let go', BUFFER_LEFT),
  Q20: defect('Q20', 'hooks that the source does not have are called through null', OOPS),
  Q21: defect(
    'Q21',
    "who attaches to an import is given to the source's exporter, which looks for its own data in the wrong buffer",
    OOPS,
    ATTACHED,
  ),
  Q22: defect('Q22', 'the address of memory that the VPU asked for is wrong', UNDER_VPU),
  Q23: defect(
    'Q23',
    'the size of the blocks of CLEAN_INVALID2 wraps, and addresses are not looked at (R1, R2)',
    'vcsm-out-of-bounds',
    OOPS,
  ),
  Q24: defect('Q24', 'a flag of one bit is signed, and shows as 4294967295 (R1, R2)'),
  Q25: defect(
    'Q25',
    'the release of an import leaves the source attached (R1), or detaches it from the wrong buffer (R2, U-a, U-c)',
    ATTACHED,
    'dma-buf-not-attached',
  ),
  Q27: defect('Q27', 'what is said of an interrupted command has 0 for its transaction'),
  Q28: defect('Q28', 'the offset of a mapping of an allocation is ignored'),
  Q29: defect('Q29', 'RELEASED frees an allocation that programs still have', 'vcsm-freed-under-program'),
  Q30: defect('Q30', 'a frame that the VPU has no handle of is said to be submitted'),
  Q31: defect(
    'Q31',
    'an id that cannot be had is sent as if it were one (R3 does not look, U-c looks at an unsigned field)',
    BUFFER_LEFT,
    HANDLE_LEFT,
  ),
  Q32: defect('Q32', 'memory that the VPU asks for is never answered, though version 2 says so (U)'),
} as const satisfies Readonly<Record<string, Defect>>;

export type DefectId = keyof typeof VCSM_DEFECTS;

/** An oops: the task dies in the middle of its call. */
export function oops(system: System, text: string): never {
  system.findings.report('kernel-oops', text);
  throw new Killed(9);
}
