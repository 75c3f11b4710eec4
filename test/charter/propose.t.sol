// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

import {Charter} from "../../contracts/Charter.sol";
import {PracticeToken} from "../../contracts/PracticeToken.sol";
import {FirstSubcontract, ICharter, Limit, Lineage, Proposal} from "../../contracts/interfaces/ICharter.sol";
import {Foreign} from "../../contracts/libraries/Foreign.sol";
import {Limits} from "../../contracts/libraries/Limits.sol";
import {Vm} from "../Base.t.sol";
import {Draft, Village} from "../Village.sol";

contract EighteenDecimals is ERC20("eighteen", "18") {}

contract ProposeTest is Village {
    function setUp() external {
        vm.warp(startOf());
        token = new PracticeToken();
    }

    function proposal() private view returns (Proposal memory) {
        return proposalOf(draftOf(5, 4));
    }

    /// @param reason what it is refused with; empty where it is not.
    function create(Proposal memory given, bytes memory reason) private {
        bytes memory code = abi.encodePacked(vm.getCode("contracts/Charter.sol:Charter"), abi.encode(given));

        (address place, bytes memory refusal) = created(code);

        vm.assertEq(refusal, reason, "R2.1: refused, and why");
        vm.assertEq(place == address(0), reason.length != 0, "R2.1: proposed or refused");
        charter = Charter(place);
    }

    function test_R2_1_KeepsAndEmitsWhatWasProposed() external {
        Proposal memory given = proposal();

        vm.recordLogs();
        create(given, "");
        Vm.Log[] memory logs = vm.getRecordedLogs();

        vm.assertEq(charter.proposalHash(), keccak256(abi.encode(given)), "R2.1: the hash covers all of it");
        vm.assertEq(logs[0].topics[0], ICharter.Proposed.selector, "R2.1: proposed");
        vm.assertEq(keccak256(logs[0].data), keccak256(abi.encode(given)), "R2.1: in full");
        vm.assertEq(charter.founders().length, 5, "R2.1: founders");
        vm.assertEq(charter.seats().length, 4, "R2.1: seats");
        vm.assertEq(charter.t0(), 0, "R2.2: not ignited");
    }

    function test_R2_5_TellsItsLineageWhichEveryFounderSigns() external {
        Proposal memory given = proposal();
        given.lineage = Lineage(personOf("parent"), "kit", keccak256("kit file"), keccak256("source archive"));

        vm.expectEmit();
        emit ICharter.Lineaged(personOf("parent"), "kit", keccak256("kit file"), keccak256("source archive"));
        create(given, "");

        bytes32 signed_ = charter.proposalHash();
        given.lineage.sourceHash = keccak256("another archive");
        create(given, "");
        vm.assertNotEq(charter.proposalHash(), signed_, "R2.5: of another source, another charter");
    }

    function test_R2_1_ForeseesItsModules() external {
        Draft memory draft = draftOf(5, 4);

        propose(draft);
        install();

        vm.assertTrue(address(roster).code.length != 0, "the roster is where it was foreseen");
        vm.assertTrue(address(ledger).code.length != 0, "the ledger");
        vm.assertTrue(address(committee).code.length != 0, "the committee");
        vm.assertTrue(address(docket).code.length != 0, "the docket");
        vm.assertTrue(address(mandates).code.length != 0, "the mandates");
    }

    function test_R0_RefusesATokenOfOtherDecimals() external {
        Proposal memory given = proposal();
        given.token = address(new EighteenDecimals());

        create(given, abi.encodeWithSelector(ICharter.TokenDecimals.selector, 18, 6));
    }

    function test_R0_RefusesATokenThatIsNone() external {
        Proposal memory given = proposal();
        given.token = personOf("nobody's token");

        create(given, abi.encodeWithSelector(Foreign.NoAnswer.selector, given.token, ERC20.decimals.selector));
    }

    function test_R2_1_RefusesTooFewOrTooManyFounders() external {
        create(
            proposalOf(draftOf(2, 4)),
            abi.encodeWithSelector(ICharter.CountOutOfRange.selector, "founders", 2, 3, 25)
        );
        create(
            proposalOf(draftOf(26, 4)),
            abi.encodeWithSelector(ICharter.CountOutOfRange.selector, "founders", 26, 3, 25)
        );
    }

    function test_R7_4_RefusesTooFewOrTooManySeats() external {
        create(
            proposalOf(draftOf(5, 3)),
            abi.encodeWithSelector(ICharter.CountOutOfRange.selector, "seats", 3, 4, 31)
        );
        create(
            proposalOf(draftOf(5, 32)),
            abi.encodeWithSelector(ICharter.CountOutOfRange.selector, "seats", 32, 4, 31)
        );
    }

    /// @dev An attack once: all signed, and it could neither ignite nor become void.
    function test_R2_1_RefusesTwoSubcontractsOfOneKind() external {
        Proposal memory given = proposal();
        FirstSubcontract memory first = given.subcontracts[0];
        given.subcontracts = new FirstSubcontract[](2);
        (given.subcontracts[0], given.subcontracts[1]) = (first, first);

        create(given, abi.encodeWithSelector(ICharter.SubcontractTwice.selector, 0, 1));
    }

    function test_R2_1_RefusesTwoFoundersOfOneKey() external {
        Proposal memory given = proposal();
        given.founders[3].key = given.founders[1].key;

        create(given, abi.encodeWithSelector(ICharter.KeyTwice.selector, given.founders[1].key));
    }

    function test_R2_1_RefusesAKeyOfNobody() external {
        Proposal memory given = proposal();
        given.seats[2] = address(0);

        create(given, abi.encodeWithSelector(ICharter.KeyMissing.selector, "seat", 2));
        given = proposal();
        given.alternates = new address[](2);
        given.alternates[0] = personOf("alternate");

        create(given, abi.encodeWithSelector(ICharter.KeyMissing.selector, "alternate", 1));
        given = proposal();
        given.founders[4].key = address(0);

        create(given, abi.encodeWithSelector(ICharter.KeyMissing.selector, "founder", 4));
    }

    function testFuzz_R3_RefusesLimitsOutsideTheirRange(uint8 which, uint64 value) external {
        Limit item = Limit(bound(which, 0, Limits.COUNT - 1));
        (uint64 least, uint64 most) = Limits.range(item);
        Proposal memory given = proposal();
        given.limits[uint256(item)] = value;

        bool fits = value >= least && value <= most;
        create(
            given,
            fits
                ? bytes("")
                : abi.encodeWithSelector(ICharter.LimitOutOfRange.selector, item, value, least, most)
        );

        if (fits) vm.assertEq(charter.limit(item), value, "R3: as founded");
    }

    function test_R2_1_RefusesCommitteeParametersOfNothing() external {
        Proposal memory given = proposal();
        given.committee.graceSeconds = 0;
        create(given, abi.encodeWithSelector(ICharter.ParametersOutOfRange.selector, given.committee));

        given = proposal();
        given.committee.turnSeconds = 0;
        create(given, abi.encodeWithSelector(ICharter.ParametersOutOfRange.selector, given.committee));

        given = proposal();
        given.committee.finalityBlocks = 0;
        create(given, abi.encodeWithSelector(ICharter.ParametersOutOfRange.selector, given.committee));
    }
}
