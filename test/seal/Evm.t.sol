// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {Base} from "../Base.t.sol";

/// @notice What the contracts take for granted of the machine.
contract EvmTest is Base {
    uint256 internal constant ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
    bytes32 internal constant DIGEST = keccak256("report");

    function test_R7_4_ecrecoverGivesZeroForWhatIsNoSignature() public pure {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf("a seat"), DIGEST);

        vm.assertEq(ecrecover(DIGEST, v, r, s), vm.addr(keyOf("a seat")), "a signature gives its signer");
        vm.assertEq(ecrecover(DIGEST, v, 0, s), address(0), "r of zero");
        vm.assertEq(ecrecover(DIGEST, v, r, 0), address(0), "s of zero");
        vm.assertEq(ecrecover(DIGEST, 26, r, s), address(0), "v below 27");
        vm.assertEq(ecrecover(DIGEST, 29, r, s), address(0), "v above 28");
        vm.assertEq(ecrecover(DIGEST, v, bytes32(ORDER), s), address(0), "r beyond the order");
        vm.assertEq(ecrecover(DIGEST, v, r, bytes32(ORDER)), address(0), "s beyond the order");
        vm.assertEq(ecrecover(0, 0, 0, 0), address(0), "nothing");
    }

    function test_R7_4_ecrecoverTakesTheHigherSToo() public pure {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf("a seat"), DIGEST);

        address mirrored = ecrecover(DIGEST, v ^ 7, r, bytes32(ORDER - uint256(s)));

        vm.assertEq(mirrored, vm.addr(keyOf("a seat")), "so the contract has to refuse it itself");
    }

    /// @dev The precompile leaves the output as it was, so whoever reads it must have cleared it before.
    function test_R7_4_ecrecoverWritesNothingOnFailure() public view {
        bytes32 left;
        uint256 size;
        assembly ("memory-safe") {
            let free := mload(0x40)
            calldatacopy(free, calldatasize(), 128)
            mstore(0, 0x1234)
            pop(staticcall(gas(), 1, free, 128, 0, 32))
            left := mload(0)
            size := returndatasize()
        }
        vm.assertEq(left, bytes32(uint256(0x1234)), "the word stays");
        vm.assertEq(size, 0, "and nothing is returned");
    }

    function test_R7_4_extcodecopyGivesZerosWhereThereIsNoCode() public view {
        bytes32 word;
        assembly ("memory-safe") {
            mstore(0, not(0))
            extcodecopy(0xdead, 0, 1, 32)
            word := mload(0)
        }
        vm.assertEq(word, 0, "a missing blob reads as vacant seats, over whatever was there");
    }

    function test_R7_4_extcodecopyGivesZerosBeyondTheCode() public {
        vm.etch(address(0xbeef), hex"00ff");
        bytes32 word;
        assembly ("memory-safe") {
            mstore(0, not(0))
            extcodecopy(0xbeef, 0, 1, 32)
            word := mload(0)
        }
        vm.assertEq(word, bytes32(bytes1(0xff)), "a short blob reads as vacant seats");
    }

    function test_R1_9_aCallGetsAtMostAllButOneSixtyFourth() public {
        Gauge gauge = new Gauge();
        (bool ok, bytes memory answer) =
            address(this).call{gas: 640_000}(abi.encodeCall(this.askAll, (gauge)));
        uint256 given = abi.decode(answer, (uint256));

        vm.assertTrue(ok, "the call comes back");
        vm.assertLe(given, 640_000 - uint256(640_000) / 64, "63 of 64 parts at the most");
    }

    function askAll(Gauge gauge) external view returns (uint256) {
        return gauge.left{gas: type(uint64).max}();
    }
}

contract Gauge {
    function left() external view returns (uint256) {
        return gasleft();
    }
}
