# A gadget as scripts on boards make it: gadget.sh DAEMON DIR, where DIR is for the function's mount and the daemon's output.
daemon=$1
mount=$2/mount
told=$2/told
g=/sys/kernel/config/usb_gadget/g1

# Waits until a file has a line.
await() {
	while ! grep -q "^$2" "$1" 2>/dev/null; do sleep 0.05; done
}

mkdir "$mount"
mkdir $g
echo 0x1209 > $g/idVendor
echo 0x0005 > $g/idProduct
mkdir $g/strings/0x409
echo 'made by sh' > $g/strings/0x409/product
mkdir $g/configs/c.1
mkdir $g/configs/c.1/strings/0x409
echo everything > $g/configs/c.1/strings/0x409/configuration
mkdir $g/functions/ffs.teller
ln -s $g/functions/ffs.teller $g/configs/c.1
cat $g/functions/ffs.teller/ready
echo dummy_udc.0 > $g/UDC || echo 'not yet'
"$daemon" teller "$mount" > "$told" &
await "$told" ready
cat $g/functions/ffs.teller/ready
ls /sys/class/udc | grep dummy > $g/UDC
cat $g/UDC
await "$told" ENABLE
cat /sys/class/udc/dummy_udc.0/function /sys/class/udc/dummy_udc.0/state
cat /sys/bus/usb/devices/1-1/product /sys/bus/usb/devices/1-1/configuration /sys/bus/usb/devices/1-1:1.0/interface
rmdir $g/functions/ffs.teller || echo 'in use'
echo > $g/UDC
wait
cat "$told"
rm $g/configs/c.1/ffs.teller
rmdir $g/configs/c.1/strings/0x409 $g/configs/c.1 $g/functions/ffs.teller $g/strings/0x409 $g
ls /sys/kernel/config/usb_gadget | wc -l
