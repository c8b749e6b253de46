import { noncoherent } from 'ioctopus';

/** The non-coherent board with a kernel that has dma_buf_begin_access. */
export default () => noncoherent({ deviceAccess: true });
