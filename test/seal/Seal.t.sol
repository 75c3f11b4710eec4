// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {Base} from "../Base.t.sol";
import {Seal} from "../../contracts/libraries/Seal.sol";
import {SeatId} from "../../contracts/types/Ids.sol";
import {PlainSeal} from "./PlainSeal.sol";

contract SealTest is Base {
    bytes32 internal constant DIGEST = keccak256("report");
    uint256 internal constant ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
    uint256 internal constant SEATS = 7;
    uint256 internal constant QUORUM = 5;
    uint32 internal constant LOWEST = 0x1f;

    PlainSeal internal plain;
    address[] internal keys;
    address internal code;

    function setUp() public {
        plain = new PlainSeal();
        for (uint256 i = 0; i < SEATS; ++i) {
            keys.push(vm.addr(reportKey(i)));
        }
        code = plain.write(keys);
    }

    function reportKey(uint256 seat) internal pure returns (uint256) {
        return keyOf(string.concat("seat ", vm.toString(seat)));
    }

    function one(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (bytes32 r, bytes32 vs) = vm.signCompact(key, digest);
        return abi.encodePacked(r, vs);
    }

    function sealOf(uint32 signers) internal pure returns (bytes memory seal) {
        for (uint256 i = 0; i < 32; ++i) {
            if (signers >> i & 1 == 1) seal = bytes.concat(seal, one(reportKey(i), DIGEST));
        }
    }

    function check(uint32 signers, bytes memory seal) internal view {
        plain.check(DIGEST, signers, seal, code, SEATS);
    }

    /* CHECK */

    function test_R7_4_anyQuorumOfSeatsPasses() public view {
        for (uint32 signers = 0; signers < 1 << SEATS; ++signers) {
            uint256 ones;
            for (uint256 i = 0; i < SEATS; ++i) {
                ones += signers >> i & 1;
            }
            if (ones == QUORUM) check(signers, sealOf(signers));
        }
    }

    function test_R7_4_revertsOnShortOrLongSeal() public {
        bytes memory seal = sealOf(LOWEST);

        vm.expectRevert(abi.encodeWithSelector(Seal.SealLength.selector, 4 * 64, QUORUM * 64));
        check(LOWEST, sealOf(0xf));
        vm.expectRevert(abi.encodeWithSelector(Seal.SealLength.selector, QUORUM * 64 + 1, QUORUM * 64));
        check(LOWEST, bytes.concat(seal, hex"00"));
        vm.expectRevert(abi.encodeWithSelector(Seal.SealLength.selector, 6 * 64, QUORUM * 64));
        check(0x3f, sealOf(0x3f));
        vm.expectRevert(abi.encodeWithSelector(Seal.SealLength.selector, 0, QUORUM * 64));
        check(LOWEST, "");
    }

    function test_R7_4_revertsOnTooFewOrTooManySigners() public {
        bytes memory seal = sealOf(LOWEST);

        vm.expectRevert(abi.encodeWithSelector(Seal.SignersNotQuorum.selector, 0xf, QUORUM));
        check(0xf, seal);
        vm.expectRevert(abi.encodeWithSelector(Seal.SignersNotQuorum.selector, 0x3f, QUORUM));
        check(0x3f, seal);
        vm.expectRevert(abi.encodeWithSelector(Seal.SignersNotQuorum.selector, 0, QUORUM));
        check(0, seal);
    }

    function test_R7_4_revertsOnSignerBeyondTheSeats() public {
        uint32 signers = 0xf | 1 << 7;

        vm.expectRevert(abi.encodeWithSelector(Seal.SignerNotSeated.selector, signers, SEATS));
        check(signers, sealOf(signers));
        vm.expectRevert(abi.encodeWithSelector(Seal.SignerNotSeated.selector, 0xf | 1 << 31, SEATS));
        check(0xf | 1 << 31, sealOf(LOWEST));
    }

    function test_R7_4_revertsOnDuplicateSigner() public {
        bytes memory twice = bytes.concat(sealOf(0xf), one(reportKey(3), DIGEST));

        vm.expectRevert(
            abi.encodeWithSelector(Seal.SignatureNotOfSeat.selector, SeatId.wrap(4), keys[3], keys[4])
        );
        check(LOWEST, twice);
    }

    function test_R7_4_revertsOnUnsortedSignatures() public {
        bytes memory swapped =
            bytes.concat(one(reportKey(1), DIGEST), one(reportKey(0), DIGEST), sealOf(LOWEST & ~uint32(3)));

        vm.expectRevert(
            abi.encodeWithSelector(Seal.SignatureNotOfSeat.selector, SeatId.wrap(0), keys[1], keys[0])
        );
        check(LOWEST, swapped);
    }

    function test_R7_4_revertsOnNonMember() public {
        bytes memory seal = bytes.concat(sealOf(0xf), one(keyOf("stranger"), DIGEST));

        vm.expectRevert(
            abi.encodeWithSelector(
                Seal.SignatureNotOfSeat.selector, SeatId.wrap(4), vm.addr(keyOf("stranger")), keys[4]
            )
        );
        check(LOWEST, seal);
    }

    function test_R7_4_revertsOnVacantSeat() public {
        keys[2] = address(0);
        code = plain.write(keys);

        vm.expectRevert(abi.encodeWithSelector(Seal.SeatVacant.selector, SeatId.wrap(2)));
        check(LOWEST, sealOf(LOWEST));
        bytes memory nothing = bytes.concat(sealOf(3), new bytes(64), sealOf(0x18));
        vm.expectRevert(abi.encodeWithSelector(Seal.SeatVacant.selector, SeatId.wrap(2)));
        check(LOWEST, nothing);

        check(0x7b & ~uint32(1 << 3), sealOf(0x7b & ~uint32(1 << 3)));
    }

    function test_R7_4_revertsOnNoSignatureAtAll() public {
        bytes memory nothing = bytes.concat(sealOf(3), new bytes(64), sealOf(0x18));

        vm.expectRevert(
            abi.encodeWithSelector(Seal.SignatureNotOfSeat.selector, SeatId.wrap(2), address(0), keys[2])
        );
        check(LOWEST, nothing);
    }

    /// @dev Compact signatures leave little room for a high `s`, and nobody can sign one on purpose; so whoever the
    /// machine takes for its signer is given the seat.
    function test_R7_4_revertsOnMalleableS() public {
        bytes memory seal = sealOf(LOWEST);
        bytes32 r;
        bytes32 high = bytes32(ORDER / 2 + 1);
        assembly {
            r := mload(add(seal, 32))
            mstore(add(seal, 64), high)
        }
        keys[0] = plain.recover(DIGEST, r, high);
        vm.assertNotEq(keys[0], address(0), "the machine takes it for a signature");
        code = plain.write(keys);

        vm.expectRevert(abi.encodeWithSelector(Seal.SignatureMalleable.selector, SeatId.wrap(0)));
        check(LOWEST, seal);
    }

    function test_R7_4_revertsOnAnotherDigest() public {
        vm.expectPartialRevert(Seal.SignatureNotOfSeat.selector);
        plain.check(keccak256("another"), LOWEST, sealOf(LOWEST), code, SEATS);
    }

    function test_R7_4_revertsWhereNoKeysAreWritten() public {
        vm.expectRevert(abi.encodeWithSelector(Seal.SeatVacant.selector, SeatId.wrap(0)));
        plain.check(DIGEST, LOWEST, sealOf(LOWEST), address(0xdead), SEATS);
    }

    function testFuzz_R7_4_agreesWithPlainTwin(
        uint256 seats,
        uint32 signers,
        uint8 vacant,
        uint256 flip,
        uint256 how
    ) public {
        seats = bound(seats, 4, 31);
        address[] memory all = new address[](seats);
        for (uint256 i = 0; i < seats; ++i) {
            all[i] = vm.addr(reportKey(i));
        }
        if (how % 4 == 0) all[vacant % seats] = address(0);
        // Half of the cases name exactly a quorum, so that the signatures are reached.
        if (how & 1 == 0) signers = toQuorum(signers, seats);
        bytes memory seal = sealOf(signers);
        if (how % 3 == 0 && seal.length != 0) seal[flip % seal.length] ^= bytes1(uint8(1 << (flip % 8)));

        vm.assertEq(
            passes(signers, seal, all),
            plain.holds(DIGEST, signers, seal, all),
            "R7.4: the seal's library and its plain twin must agree"
        );
    }

    function passes(uint32 signers, bytes memory seal, address[] memory all) internal returns (bool ok) {
        address place = plain.write(all);
        (ok,) = address(plain)
            .staticcall(abi.encodeCall(plain.check, (DIGEST, signers, seal, place, all.length)));
    }

    /// @dev Sets or clears the lowest bits there are, until a quorum is named.
    function toQuorum(uint32 signers, uint256 seats) internal view returns (uint32) {
        signers &= uint32((1 << seats) - 1);
        uint256 wanted = plain.quorum(seats);
        uint256 ones;
        for (uint256 i = 0; i < seats; ++i) {
            ones += signers >> i & 1;
        }
        for (uint256 i = 0; i < seats && ones != wanted; ++i) {
            bool named = signers >> i & 1 == 1;
            if (named == ones < wanted) continue;
            signers ^= uint32(1 << i);
            ones = named ? ones - 1 : ones + 1;
        }
        return signers;
    }

    function test_R7_4_quorumIsTwoThirdsAndOne() public view {
        uint8[4] memory seats = [4, 7, 13, 31];
        uint8[4] memory wanted = [3, 5, 9, 21];
        for (uint256 i = 0; i < 4; ++i) {
            vm.assertEq(plain.quorum(seats[i]), wanted[i], "R7.4: q is floor(2n/3) + 1");
        }
    }

    /* WRITE, READ */

    function testFuzz_R7_4_readsWhatWasWritten(uint256 seats, bytes32 salt) public {
        seats = bound(seats, 4, 31);
        address[] memory written = new address[](seats);
        for (uint256 i = 0; i < seats; ++i) {
            if (i % 5 != 3) written[i] = address(uint160(uint256(keccak256(abi.encode(salt, i)))));
        }

        address[] memory given = plain.read(plain.write(written), seats);

        for (uint256 i = 0; i < seats; ++i) {
            vm.assertEq(given[i], written[i], "R7.4: a version's keys are what was written");
        }
    }

    function test_R7_4_readsZerosWhereNothingIsWritten() public view {
        address[] memory given = plain.read(address(0xdead), SEATS);

        vm.assertEq(given.length, SEATS, "one word per seat");
        for (uint256 i = 0; i < SEATS; ++i) {
            vm.assertEq(given[i], address(0), "no code, no keys");
        }
    }

    function test_R7_4_keysCannotBeRun() public {
        (bool ok, bytes memory answer) = code.call(hex"01020304");

        vm.assertTrue(ok, "the first byte stops");
        vm.assertEq(answer.length, 0, "and gives nothing");
        vm.assertEq(uint8(code.code[0]), 0, "STOP");
    }
}
