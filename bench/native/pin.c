/* Runs a program on one processor: pin CPU PROGRAM ARGUMENTS... */
#include "round.h"

int main(int argc, char **argv)
{
	if (argc < 3)
		errx(2, "usage: pin CPU PROGRAM ARGUMENTS...");
	pin_to(argv[1]);
	execvp(argv[2], argv + 2);
	err(1, "%s", argv[2]);
}
