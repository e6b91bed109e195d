//! Every GPU adapter trains as the reference does. `scripts/check_gpu.sh` runs this on Mesa's software adapter where there is no GPU.

use nasbench::engine;

#[test]
fn every_adapter_trains_as_the_reference_does() {
    let expected = engine::reference_losses().unwrap();
    let adapters = engine::found().into_iter().filter(|found| found.device.is_gpu());
    let mut count = 0;
    for found in adapters {
        let proof = engine::prove(found.device, &expected).unwrap();
        println!("{}, {}: losses {:?}, the reference's {:?}", found.device, found.name, proof.losses, proof.expected);
        assert!(proof.is_ok(), "{found:?}: {proof:?}");
        count += 1;
    }
    if count == 0 {
        println!("skipped: no GPU adapter was found");
    }
}
