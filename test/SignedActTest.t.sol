// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {Signed} from "../contracts/Signed.sol";
import {Base} from "./Base.t.sol";

/// @title What holds for every signed act (R1.8)
/// @notice One act inherits these tests by saying where it goes, what is signed and how it is carried.
abstract contract SignedActTest is Base {
    uint256 internal constant NONCE = 7;

    /// @notice The contract that takes the act.
    function door() internal view virtual returns (Signed);

    /// @notice The struct hash of the act, written out in the test anew.
    function deedOf(uint256 nonce, uint64 deadline) internal view virtual returns (bytes32);

    /// @notice Anyone carries the act.
    function carry(uint256 nonce, uint64 deadline, bytes memory signature) internal virtual;

    /// @notice The state after the act.
    function assertDone() internal virtual;

    /// @notice The private key that signs, and the address it signs for: a contract account in the last test.
    function signer() internal view virtual returns (uint256 key, address account);

    /// @dev What `vectors/typed-data.json` fixes beside the fields of each act.
    uint256 internal constant VECTOR_NONCE = 7;
    uint64 internal constant VECTOR_DEADLINE = 1_791_000_000;

    /// @notice The act's primary type in `vectors/typed-data.json`; empty where the file has none of it.
    function primaryType() internal pure virtual returns (string memory) {
        return "";
    }

    /// @dev The clerk hashes the same fields to the same struct hash, and the contract takes it (the tests below).
    function test_R1_8_TheVectorHoldsTheDeed() external view {
        if (bytes(primaryType()).length == 0) return;
        string memory json = vm.readFile("vectors/typed-data.json");
        bytes32 given = vm.parseJsonBytes32(json, string.concat(".", primaryType(), ".structHash"));

        vm.assertEq(given, deedOf(VECTOR_NONCE, VECTOR_DEADLINE), "one struct hash for one deed");
    }

    function soon() private view returns (uint64) {
        return uint64(vm.getBlockTimestamp() + 1 days);
    }

    function sign(uint256 key, uint256 nonce, uint64 deadline) internal view returns (bytes memory) {
        return signed(key, typedDigest(address(door()), deedOf(nonce, deadline)));
    }

    function test_R1_8_AnyoneCarriesIt() external {
        (uint256 key, address account) = signer();
        bytes memory signature = sign(key, NONCE, soon());

        vm.prank(personOf("relayer"));
        carry(NONCE, soon(), signature);

        vm.assertTrue(door().isSpent(account, NONCE), "the nonce is spent");
        assertDone();
    }

    function test_R1_8_RevertsForAnotherKey() external {
        (, address account) = signer();
        bytes memory signature = sign(keyOf("mallory"), NONCE, soon());

        vm.expectRevert(abi.encodeWithSelector(Signed.SignatureInvalid.selector, account));
        carry(NONCE, soon(), signature);
    }

    function test_R1_8_RevertsForAnotherNonceThanSigned() external {
        (uint256 key, address account) = signer();
        bytes memory signature = sign(key, NONCE, soon());

        vm.expectRevert(abi.encodeWithSelector(Signed.SignatureInvalid.selector, account));
        carry(NONCE + 1, soon(), signature);
    }

    function test_R1_8_RevertsWhenReplayed() external {
        (uint256 key, address account) = signer();
        bytes memory signature = sign(key, NONCE, soon());
        carry(NONCE, soon(), signature);

        vm.expectRevert(refusalOfReplay(account));
        carry(NONCE, soon(), signature);
    }

    function refusalOfReplay(address account) internal view virtual returns (bytes memory) {
        return abi.encodeWithSelector(Signed.NonceAlreadySpent.selector, account, NONCE);
    }

    function test_R1_8_RevertsPastTheDeadline() external {
        (uint256 key,) = signer();
        uint64 deadline = soon();
        bytes memory signature = sign(key, NONCE, deadline);
        vm.warp(deadline + 1);

        vm.expectRevert(
            abi.encodeWithSelector(Signed.DeadlinePassed.selector, deadline, uint256(deadline) + 1)
        );
        carry(NONCE, deadline, signature);
    }

    function test_R1_8_RevertsForADeadlineMoreThan7DaysAhead() external {
        (uint256 key,) = signer();
        uint256 latest = vm.getBlockTimestamp() + 7 days;
        uint64 deadline = uint64(latest + 1);

        bytes memory signature = sign(key, NONCE, deadline);
        vm.expectRevert(abi.encodeWithSelector(Signed.DeadlineTooFar.selector, deadline, latest));
        carry(NONCE, deadline, signature);
    }

    function test_R1_8_RevertsOnceCancelled() external {
        (uint256 key, address account) = signer();
        bytes memory signature = sign(key, NONCE, soon());
        vm.prank(account);
        door().cancel(NONCE);

        vm.expectRevert(abi.encodeWithSelector(Signed.NonceAlreadySpent.selector, account, NONCE));
        carry(NONCE, soon(), signature);
    }
}
