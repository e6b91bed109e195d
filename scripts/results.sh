#!/bin/bash
# Prints what the models of a benchmark came to, as CSV sorted by key: everything but times, memory and provenance. Two recordings
# of the same models print the same.
#
#   NASBENCH=PROGRAM scripts/results.sh BENCH
set -euo pipefail

exec "$NASBENCH" query "$1" --format csv --sql "
    select module_hash, module_adjacency, module_operations, epochs, repeat, seed, trainable_parameters, flops, status,
        start_train_accuracy, start_validation_accuracy, start_test_accuracy, halfway_train_accuracy,
        halfway_validation_accuracy, halfway_test_accuracy, final_train_accuracy, final_validation_accuracy,
        final_test_accuracy, curve_train_loss, curve_train_accuracy, curve_validation_accuracy, curve_learning_rate,
        curve_gradient_norm, macro_roc_auc, macro_f1
    from records order by module_hash, epochs, repeat"
