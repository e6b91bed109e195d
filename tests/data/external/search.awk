# Draws chains of two operations.
BEGIN { split("conv3x3 conv1x1 maxpool3x3", name, " ") }
match($0, /"seed":[0-9]+/) { srand(substr($0, RSTART + 7, RLENGTH - 7)) }
/"type":"ask"/ {
    printf "{\"cells\":[{\"matrix\":\"0100001000010000\",\"ops\":\"%s,%s\"}]}\n", name[int(3 * rand()) + 1], name[int(3 * rand()) + 1]
    fflush()
}
