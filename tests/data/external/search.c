/* Draws chains of two operations. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void) {
    static const char *name[] = {"conv3x3", "conv1x1", "maxpool3x3"};
    static char line[1 << 20];
    while (fgets(line, sizeof line, stdin)) {
        char *seed = strstr(line, "\"seed\":");
        if (seed) srand(strtoul(seed + 7, NULL, 10));
        if (strstr(line, "\"type\":\"ask\"")) {
            printf("{\"cells\":[{\"matrix\":\"0100001000010000\",\"ops\":\"%s,%s\"}]}\n", name[rand() % 3], name[rand() % 3]);
            fflush(stdout);
        }
    }
    return 0;
}
