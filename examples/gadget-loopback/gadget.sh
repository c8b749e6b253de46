#!/bin/sh
# Makes a USB gadget with one FunctionFS function, as a script on a board does, starts its
# daemon, plugs it into a controller, and runs its host.
#
#     gadget.sh LOOPBACK HOST [ARGUMENT...]
#
# LOOPBACK serves the function, HOST is what talks to it. UDC is the controller, the one with
# scatter-gather by default; its bus carries as much as there is when UNLIMITED is set.
set -eu
gadget=/sys/kernel/config/usb_gadget/loopback
function=${FUNCTION:-/tmp/gadget-loopback}
udc=${UDC:-sg_udc.0}

mkdir $gadget $gadget/strings/0x409 $gadget/configs/c.1 $gadget/functions/ffs.loopback
echo 0x1209 >$gadget/idVendor
echo 0x0001 >$gadget/idProduct
echo ioctopus >$gadget/strings/0x409/manufacturer
echo loopback >$gadget/strings/0x409/product
ln -s $gadget/functions/ffs.loopback $gadget/configs/c.1/
mkdir -p "$function"
[ -z "${UNLIMITED:-}" ] || echo 1 >"/sys/module/${udc%.*}/parameters/unlimited"

# The daemon mounts the function at the folder, and prints a line when it has described it.
ready=$(mktemp -u)
mkfifo "$ready"
"$1" loopback "$function" 3>"$ready" &
read -r _ <"$ready"
rm "$ready"
echo "$udc" >$gadget/UDC

shift
status=0
"$@" || status=$?

# The daemon ends when the gadget is taken from its controller.
echo >$gadget/UDC
wait
rm $gadget/configs/c.1/ffs.loopback
rmdir $gadget/configs/c.1 $gadget/functions/ffs.loopback $gadget/strings/0x409 $gadget "$function"
exit $status
