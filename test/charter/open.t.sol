// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {Signed} from "../../contracts/Signed.sol";
import {ICharter, MandateCaps, SubcontractState} from "../../contracts/interfaces/ICharter.sol";
import {Device, IDocket, StreamTerms} from "../../contracts/interfaces/IDocket.sol";
import {IMandates} from "../../contracts/interfaces/IMandates.sol";
import {ISubcontract} from "../../contracts/interfaces/ISubcontract.sol";
import {Foreign} from "../../contracts/libraries/Foreign.sol";
import {EpochKind} from "../../contracts/types/Calendar.sol";
import {MemberId, SubcontractId} from "../../contracts/types/Ids.sol";
import {CharterTest} from "./CharterTest.sol";

contract OpenTest is CharterTest {
    SubcontractId private constant SECOND = SubcontractId.wrap(2);

    function test_R5_5_AMandateIsConsentToTheseTermsAlone() external {
        SubcontractId id = open(1, 1);
        bytes32 terms = charter.termsHashOf(id);
        bytes32 others = charter.termsHashOf(WOOD);
        MandateCaps memory caps = MandateCaps(id, 1e6, 2e6, 1e6, uint40(vm.getBlockTimestamp() + 300 days));
        uint32 from = uint32(weekBegin(week));
        sign(1, id);

        vm.prank(memberAddress(2));
        refused(abi.encodeWithSelector(IMandates.TermsDiffer.selector, id, others, terms));
        mandates.signMandate(caps, others);

        vm.expectEmit(address(mandates));
        emit IMandates.MandateSigned(memberId(2), id, terms, caps, from);
        vm.prank(memberAddress(2));
        mandates.signMandate(caps, terms);
        vm.assertEq(mandates.signersAt(id, from).length, 2, "R5.5: both consented, to these terms");
    }

    /// @dev An attack once: co-signers consented to terms, then the sponsor chose the sensors.
    function test_R5_TheSponsorSignsFirst() external {
        SubcontractId id = open(1, 1);
        MandateCaps memory caps = MandateCaps(id, 1e6, 2e6, 1e6, uint40(vm.getBlockTimestamp() + 300 days));
        bytes32 terms = charter.termsHashOf(id);

        vm.prank(memberAddress(2));
        refused(abi.encodeWithSelector(IMandates.SponsorFirst.selector, id, memberId(1)));
        mandates.signMandate(caps, terms);
        vm.assertFalse(mandates.hasSigned(memberId(1), id), "R5: not yet");

        sign(1, id);
        sign(2, id);
        vm.assertTrue(mandates.hasSigned(memberId(1), id), "R5: signed");
        vm.prank(memberAddress(1));
        mandates.revokeMandate(id);
        vm.assertTrue(mandates.hasSigned(memberId(1), id), "R5: what was shown to others stays so");
        sign(3, id);
    }

    function test_R5_StreamsAreChosenBeforeAnybodySigns() external {
        SubcontractId id = open(1, 1);
        StreamTerms memory terms = pileOf(id);
        sign(1, id);

        vm.prank(memberAddress(1));
        refused(abi.encodeWithSelector(IDocket.SponsorSigned.selector, id));
        docket.enrol(terms);

        vm.prank(memberAddress(1));
        mandates.revokeMandate(id);
        passTime(1 days);
        mandates.forgetMandate(memberId(1), id);
        vm.prank(memberAddress(1));
        refused(abi.encodeWithSelector(IDocket.SponsorSigned.selector, id));
        docket.enrol(terms);
    }

    /// @dev A stream of weeks with one scale.
    function pileOf(SubcontractId id) private pure returns (StreamTerms memory terms) {
        terms.subcontract = id;
        terms.epochKind = EpochKind.Week;
        terms.windowSeconds = uint32(WINDOW);
        terms.custodian = memberId(1);
        terms.estimator = "wood/1";
        terms.devices = new Device[](1);
        terms.devices[0] = Device(keccak256("second scale"), 1, "scale", 60, type(uint40).max);
    }

    function test_R5_OpensForCoSigning() external {
        bytes memory terms = termsOf(1);

        SubcontractId id = open(1, 1);

        vm.assertEq(SubcontractId.unwrap(id), 2, "R5: the next number");
        assertState(id, SubcontractState.Open, "R5.6: open");
        vm.assertEq(
            charter.termsHashOf(id),
            keccak256(abi.encode(keccak256(woodCode()), terms)),
            "R5.5: what signers consent to"
        );
        vm.assertEq(MemberId.unwrap(charter.sponsorOf(id)), 1, "R5: the sponsor");
        vm.assertFalse(charter.accruesAt(id, type(uint40).max), "R5: nothing accrues");
    }

    function test_R5_RefusesEverybodyBeforeIgnition() external {
        propose(draftOf(5, 4));
        install();
        bytes memory code = woodCode();

        vm.prank(memberAddress(1));
        refused(abi.encodeWithSelector(ICharter.NotIgnited.selector));
        charter.open(code, "", 1);
    }

    function test_R5_RefusesWhoIsNoMember() external {
        bytes memory code = woodCode();
        address stranger = personOf("stranger");

        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(Signed.NotAMember.selector, stranger));
        charter.open(code, "", 1);
    }

    function test_R5_3_RefusesAThirdOpenProposal() external {
        SubcontractId first = open(1, 1);
        open(1, 2);
        bytes memory code = woodCode();
        bytes memory terms = termsOf(3);

        vm.prank(memberAddress(1));
        vm.expectRevert(abi.encodeWithSelector(ICharter.TooManyOpen.selector, memberId(1), 2));
        charter.open(code, terms, 3);

        // An attack once: open and take back in a loop, until no number is left.
        vm.prank(memberAddress(1));
        charter.withdrawProposal(first);
        passTime(72 hours - 1);
        vm.prank(memberAddress(1));
        vm.expectRevert(abi.encodeWithSelector(ICharter.TooManyOpen.selector, memberId(1), 2));
        charter.open(code, terms, 3);

        passTime(1);
        open(1, 3);
    }

    function test_R5_RefusesTermsThatAreTooLong() external {
        bytes memory code = woodCode();

        vm.prank(memberAddress(1));
        vm.expectRevert(abi.encodeWithSelector(ICharter.TermsTooLong.selector, 8193, 8192));
        charter.open(code, new bytes(8193), 1);
    }

    function test_R1_9_RefusesCodeThatIsNoSubcontract() external {
        // Creation code that leaves one zero byte: it answers nothing.
        bytes memory empty = hex"600160005360016000f3";

        vm.prank(memberAddress(1));
        vm.expectPartialRevert(Foreign.NoAnswer.selector);
        charter.open(empty, "", 1);
    }

    function test_R5_TheSameTwiceIsAProposalOfItsOwn() external {
        open(1, 1);
        bytes memory code = woodCode();
        bytes memory terms = termsOf(1);

        // Another number gives other constructor words, so only a copy in the same place could collide; the number
        // is never given twice.
        vm.prank(memberAddress(1));
        SubcontractId id = charter.open(code, terms, 1);

        vm.assertEq(SubcontractId.unwrap(id), 3, "R5: a proposal of its own");
        vm.assertNotEq(charter.subcontractAt(id), charter.subcontractAt(SECOND), "R5: at a place of its own");
    }

    function test_R1_8_OpenedBySignature() external {
        bytes memory code = woodCode();
        bytes memory terms = termsOf(1);
        bytes32 template = keccak256(code);
        uint64 deadline = uint64(vm.getBlockTimestamp() + 1 days);
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256(
                    "OpenSubcontract(string deed,bytes32 template,bytes32 termsHash,uint256 nonce,uint64 deadlineUnixSeconds)"
                ),
                keccak256("I open this subcontract for others to sign."),
                template,
                keccak256(abi.encode(template, terms)),
                9,
                deadline
            )
        );
        bytes memory signature = signed(memberKey(2), typedDigest(address(charter), structHash));

        SubcontractId id = charter.openBySig(memberId(2), code, terms, 9, deadline, signature);

        vm.assertEq(MemberId.unwrap(charter.sponsorOf(id)), 2, "R1.8: the signer is the sponsor");
        vm.expectRevert(abi.encodeWithSelector(Signed.NonceAlreadySpent.selector, memberAddress(2), 9));
        charter.openBySig(memberId(2), code, terms, 9, deadline, signature);
    }

    function test_R5_OnlyTheSponsorWithdraws() external {
        SubcontractId id = open(1, 1);

        vm.prank(memberAddress(2));
        vm.expectRevert(abi.encodeWithSelector(ICharter.NotSponsor.selector, id, memberId(2), memberId(1)));
        charter.withdrawProposal(id);
        vm.prank(memberAddress(1));
        charter.withdrawProposal(id);

        assertState(id, SubcontractState.Sunset, "R5: taken back");
        vm.prank(memberAddress(1));
        vm.expectRevert(abi.encodeWithSelector(ICharter.StateUnfit.selector, id, SubcontractState.Sunset));
        charter.withdrawProposal(id);
    }

    function test_R5_WhatIsEnactedIsNotTakenBack() external {
        SubcontractId id = enacted();

        vm.prank(memberAddress(1));
        refused(abi.encodeWithSelector(ICharter.StateUnfit.selector, id, SubcontractState.Enacted));
        charter.withdrawProposal(id);
    }

    function test_R1_8_WithdrawnBySignature() external {
        SubcontractId id = open(1, 1);
        uint64 deadline = uint64(vm.getBlockTimestamp() + 1 days);
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256(
                    "WithdrawProposal(string deed,uint16 subcontract,bytes32 termsHash,uint256 nonce,uint64 deadlineUnixSeconds)"
                ),
                keccak256("I take back the subcontract I opened."),
                id,
                charter.termsHashOf(id),
                1,
                deadline
            )
        );

        charter.withdrawProposalBySig(
            memberId(1), id, 1, deadline, signed(memberKey(1), typedDigest(address(charter), structHash))
        );

        assertState(id, SubcontractState.Sunset, "R1.8: taken back by signature");
    }

    function test_R5_LapsesAfterThirtyDays() external {
        SubcontractId id = open(1, 1);
        sign(1, id);
        sign(2, id);
        passTime(30 days);
        assertState(id, SubcontractState.Open, "the last second still counts");
        passTime(1);

        assertState(id, SubcontractState.Sunset, "R5: lapsed");
        vm.expectRevert(abi.encodeWithSelector(ICharter.StateUnfit.selector, id, SubcontractState.Sunset));
        charter.enact(id);
        vm.expectEmit(address(charter));
        emit ICharter.Withdrawn(id);
        charter.poke(id);
    }
}
