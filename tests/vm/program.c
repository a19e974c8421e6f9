/* A container image's only program: says what it was given, and goes on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int count, char **words)
{
	char folder[256] = "nowhere";
	const char *where = getenv("WHERE");

	if (count != 3 || strcmp(words[1], "--greeting") || !where)
		return 1;
	if (!getcwd(folder, sizeof folder))
		return 1;
	for (;;) {
		printf("%s, %s: process %d, user %d, group %d, in %s\n", words[2], where,
		       (int)getpid(), (int)getuid(), (int)getgid(), folder);
		fflush(stdout);
		sleep(5);
	}
}
