# What shells and their usual tools do with the file $1. The output is the same for every file that keeps bytes.
F=$1
copy=$2
echo hello > $F; cat $F
printf 'a\nb\nc\n' >> $F; cat $F
read line < $F; echo "got $line"
exec 3<>$F; cat <&3; echo more >&3; exec 3>&-
while read l; do echo "[$l]"; done < $F
sed -n 2,3p $F
head -c 3 $F; echo
dd if=$F bs=4 count=2 2>/dev/null; echo
od -c $F
echo teed | tee $F; cat $F; tee -a $F < /dev/null; wc -c < $F
sort -r $F; awk '{print NR": "$0}' $F; grep ee $F; tail -n1 < $F; cut -c1-2 $F; tr a-z A-Z < $F
(echo sub; echo shell) > $F; cat $F; awk 'BEGIN{print "awk"}' > $F; cat $F; sed 's/awk/sed/' $F > $copy; cat $copy
echo err 2> $F >&2; cat $F
{ echo out; echo error >&2; } > $F 2>&1; cat $F
cp $F $copy; cat $copy; cat < $F | cat; cmp $F $F && echo same
sh -c 'echo a shell in a shell' > $F; cat $F
env -i /bin/sh -c 'echo no environment > $1; cat $1' sh $F
cat > $F <<END
here
END
cat $F
if command -v xxd > /dev/null; then xxd $F; fi
if command -v perl > /dev/null; then
	perl -e 'open F, ">", $ARGV[0] or die; print F "perl\n"; close F; open F, "<", $ARGV[0]; print <F>' $F
fi
if command -v python3 > /dev/null; then
	python3 -c 'import sys
with open(sys.argv[1], "w", buffering=1) as f: print("python", file=f)
print(open(sys.argv[1]).read())' $F
	python3 -c 'print("to standard output")' > $F; cat $F
	python3 -c 'import sys; print(sys.stdin.readline())' < $F
	python3 -c 'import subprocess, sys
subprocess.run(["echo", "from a child of python"], stdout=open(sys.argv[1], "w"), check=True)
print(subprocess.run(["cat", sys.argv[1]], capture_output=True, check=True).stdout)' $F
fi
