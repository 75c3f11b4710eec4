// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {Base} from "../Base.t.sol";

/// @title Gauge
/// @notice Holds the gas of the last call against a ceiling and against the figure committed in `snapshots/`.
/// Gas is exact, so the ceiling is absolute: neither what is measured nor what is committed may lie above it.
/// @dev The test must be isolated (see those here): then each call is a transaction of its own,
/// all storage is cold, and the figure is the whole transaction's: intrinsic, calldata and execution.
/// `HEARTH_SNAPSHOTS=write forge test --match-path 'test/gas/*'` writes the figures anew.
abstract contract Gauge is Base {
    /// @notice A figure may stray this far from the committed one, bps; beyond, in either direction, it is committed anew.
    uint256 internal constant STRAY = 100;

    function gauge(string memory group, string memory name, uint256 ceiling) internal returns (uint256 used) {
        used = vm.lastCallGas().gasTotalUsed;
        vm.assertLe(used, ceiling, string.concat(group, ".", name, ": above its ceiling"));

        string memory file = string.concat("snapshots/", group, ".json");
        if (keccak256(bytes(vm.envOr("HEARTH_SNAPSHOTS", "compare"))) == keccak256("write")) {
            vm.snapshotValue(group, name, used);
            return used;
        }
        uint256 committed = vm.parseUint(vm.parseJsonString(vm.readFile(file), string.concat(".", name)));
        vm.assertLe(committed, ceiling, string.concat(group, ".", name, ": committed above its ceiling"));
        string memory why = string.concat(
            group, ".", name, ": strays from the committed figure; HEARTH_SNAPSHOTS=write writes it anew"
        );
        vm.assertLe(used, committed + committed * STRAY / 10_000, why);
        vm.assertGe(used, committed - committed * STRAY / 10_000, why);
    }
}
