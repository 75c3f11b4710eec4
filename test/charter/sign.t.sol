// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {Signed} from "../../contracts/Signed.sol";
import {PracticeToken} from "../../contracts/PracticeToken.sol";
import {
    FounderConsent,
    ICharter,
    MandateCaps,
    Need,
    SubcontractState
} from "../../contracts/interfaces/ICharter.sol";
import {IMandates} from "../../contracts/interfaces/IMandates.sol";
import {MemberId, SubcontractId} from "../../contracts/types/Ids.sol";
import {Draft} from "../Village.sol";
import {CharterTest} from "./CharterTest.sol";

/// @notice An account that is a contract, and says yes to whatever its owner signed (EIP-1271).
contract Purser {
    bytes32 public agreed;

    function agree(bytes32 digest) external {
        agreed = digest;
    }

    function isValidSignature(bytes32 digest, bytes calldata) external view returns (bytes4) {
        return digest == agreed ? this.isValidSignature.selector : bytes4(0);
    }
}

contract SignTest is CharterTest {
    Draft private draft;

    function setUp() public override {
        vm.warp(startOf());
        token = new PracticeToken();
    }

    function proposed(Draft memory given) private {
        propose(given);
        install();
    }

    function carry(Draft memory given, uint256 member, uint256 key) private {
        FounderConsent memory consent = given.consents[member - 1];
        charter.sign(memberId(member), consent, signed(key, foundDigest(consent)));
    }

    function test_R2_1_RefusesCodeNobodyNamed() external {
        propose(draftOf(5, 4));
        bytes[] memory codes = moduleCodes();

        refused(
            abi.encodeWithSelector(ICharter.CodeUnknown.selector, keccak256(codes[1]), keccak256(codes[0]))
        );
        charter.install(codes[1]);
    }

    function test_R2_1_RefusesASixthModule() external {
        proposed(draftOf(5, 4));

        refused(abi.encodeWithSelector(ICharter.AllInstalled.selector));
        charter.install("");
    }

    function test_R2_1_RefusesASubcontractBeforeTheModules() external {
        propose(draftOf(5, 4));
        bytes memory code = woodCode();

        refused(missing(uint8(Need.Modules), 0, 5));
        charter.installFirst(WOOD, code);
    }

    function test_R2_1_RefusesASubcontractOfOtherCodeOrTwice() external {
        proposed(draftOf(5, 4));
        bytes memory code = woodCode();

        refused(abi.encodeWithSelector(ICharter.AlreadyInstalled.selector, WOOD));
        charter.installFirst(WOOD, code);
        refused(abi.encodeWithSelector(ICharter.CodeUnknown.selector, keccak256("other"), keccak256(code)));
        charter.installFirst(WOOD, "other");
    }

    function test_R2_1_CarriesWhatAFounderBindsThemselvesTo() external {
        Draft memory given = draftOf(5, 4);
        given.consents[1].band = 6;
        given.consents[1].badge = keccak256("badge");
        found(given);

        (MandateCaps memory caps,,) = mandates.mandateAt(memberId(2), WOOD, uint40(weekBegin(week)));
        (uint64 global,) = mandates.globalAt(memberId(2), uint40(weekBegin(week)));
        vm.assertEq(caps.perEvent, 17e6, "R1.5: the mandate");
        vm.assertEq(global, 50e6, "R1.5: the bound across subcontracts");
        vm.assertEq(wood.declaredAt(memberId(2), uint40(weekBegin(week))), 6, "R8: the band");
        vm.assertEq(
            docket.badgeAt(memberId(2), uint40(weekBegin(week))), keccak256("badge"), "R7.1: the badge"
        );
        vm.assertTrue(roster.isMature(memberId(2), uint40(startOf())), "R2.2: mature at once");
    }

    function test_R2_1_RefusesAMandateForANumberNotYetOpened() external {
        Draft memory given = draftOf(5, 4);
        given.consents[2].mandates[0].subcontract = SubcontractId.wrap(2);
        proposed(given);
        bytes memory signature = signed(memberKey(3), foundDigest(given.consents[2]));

        refused(
            abi.encodeWithSelector(
                IMandates.SubcontractNotOpen.selector, SubcontractId.wrap(2), SubcontractState.None
            )
        );
        charter.sign(memberId(3), given.consents[2], signature);
    }

    function test_R2_1_TakesAContractAccountsSignature() external {
        Purser purser = new Purser();
        Draft memory given = draftOf(5, 4);
        given.founders[2].key = address(purser);
        proposed(given);
        purser.agree(foundDigest(given.consents[2]));

        charter.sign(memberId(3), given.consents[2], "");

        vm.assertTrue(charter.founderSigned(memberId(3)), "EIP-1271: signed");
    }

    function test_R2_1_RefusesAnothersSignature() external {
        Draft memory given = draftOf(5, 4);
        proposed(given);
        bytes memory signature = signed(memberKey(2), foundDigest(given.consents[0]));

        refused(abi.encodeWithSelector(Signed.SignatureInvalid.selector, memberAddress(1)));
        charter.sign(memberId(1), given.consents[0], signature);
    }

    function testFuzz_R2_1_RefusesOtherWordsThanWereSigned(uint64 perPeriod, uint8 band) external {
        Draft memory given = draftOf(5, 4);
        proposed(given);
        FounderConsent memory consent = given.consents[0];
        bytes memory signature = signed(memberKey(1), foundDigest(consent));
        vm.assume(perPeriod != consent.mandates[0].perPeriod);
        if (band % 2 == 0) consent.mandates[0].perPeriod = perPeriod;
        else consent.globalPerPeriod = perPeriod;
        vm.assume(consent.globalPerPeriod != 50e6 || band % 2 == 0);

        refused(abi.encodeWithSelector(Signed.SignatureInvalid.selector, memberAddress(1)));
        charter.sign(memberId(1), consent, signature);
    }

    function test_R2_1_RefusesASecondTime() external {
        Draft memory given = draftOf(5, 4);
        proposed(given);
        carry(given, 1, memberKey(1));
        bytes memory signature = signed(memberKey(1), foundDigest(given.consents[0]));

        refused(abi.encodeWithSelector(ICharter.AlreadySigned.selector, memberId(1)));
        charter.sign(memberId(1), given.consents[0], signature);
    }

    function test_R2_1_RefusesAFounderWhoIsNone() external {
        Draft memory given = draftOf(5, 4);
        proposed(given);

        refused(abi.encodeWithSelector(ICharter.FounderUnknown.selector, memberId(6), 5));
        charter.sign(memberId(6), given.consents[0], "");
    }

    function test_R2_3_VoidAfterThirtyDaysAndDepositsGoBack() external {
        Draft memory given = draftOf(5, 4);
        proposed(given);
        deposit(1, 30e6);
        carry(given, 1, memberKey(1));
        bytes memory signature = signed(memberKey(2), foundDigest(given.consents[1]));
        uint256 closes = vm.getBlockTimestamp() + 30 days;

        vm.warp(closes);
        vm.assertFalse(charter.isVoid(), "R2.1: the last second still counts");
        vm.warp(closes + 1);

        refused(abi.encodeWithSelector(ICharter.SigningClosed.selector, closes, closes + 1));
        charter.sign(memberId(2), given.consents[1], signature);
        vm.assertTrue(charter.isVoid(), "R2.3: void");
        vm.prank(memberAddress(1));
        ledger.withdraw(30e6);
        vm.assertEq(token.balanceOf(memberAddress(1)), 30e6, "R2.3: everything back");
    }

    function test_R2_2_RefusesToIgniteUnsigned() external {
        Draft memory given = draftOf(5, 4);
        proposed(given);
        seatAll(given);
        carry(given, 1, memberKey(1));

        refused(missing(uint8(Need.Signatures), 1, 5));
        charter.ignite();
    }

    function test_R2_2_RefusesToIgniteWithTooFewSeats() external {
        Draft memory given = draftOf(5, 7);
        proposed(given);
        signAll(given);
        for (uint256 i; i < 4; ++i) {
            seatOne(i, given.bond);
        }

        refused(missing(uint8(Need.Seats), 4, 5));
        charter.ignite();
        seatOne(4, given.bond);
        charter.ignite();

        vm.assertEq(charter.t0(), startOf(), "R2.2: q seats are enough");
    }

    function test_R2_2_RefusesToIgniteWithoutStreams() external {
        Draft memory given = draftOf(5, 4);
        propose(given);
        bytes[] memory codes = moduleCodes();
        for (uint256 i; i < codes.length; ++i) {
            charter.install(codes[i]);
        }
        charter.installFirst(WOOD, woodCode());
        signAll(given);
        seatAll(given);

        refused(missing(uint8(Need.Streams), 0, 1));
        charter.ignite();
    }

    function test_R2_2_IgnitesOnceAndEnactsTheFirstSet() external {
        found(5, 4);

        assertState(WOOD, SubcontractState.Enacted, "R2.2: enacted at ignition");
        vm.assertFalse(
            charter.accruesAt(WOOD, uint40(startOf())), "R7.1: an epoch that begins after enactment"
        );
        vm.assertTrue(charter.accruesAt(WOOD, uint40(startOf() + 1)), "R7.1: the first of them");
        refused(abi.encodeWithSelector(ICharter.AlreadyIgnited.selector, uint40(startOf())));
        charter.ignite();
    }

    function test_R2_1_RefusesABandThatIsNone() external {
        Draft memory given = draftOf(5, 4);
        proposed(given);
        given.consents[0].band = 8;
        bytes memory signature = signed(memberKey(1), foundDigest(given.consents[0]));

        refused(abi.encodeWithSelector(ICharter.BandOutOfRange.selector, 8, 7));
        charter.sign(MemberId.wrap(1), given.consents[0], signature);
    }
}
